"""What a run works on: told by its job, or by the tables that it was launched for."""

import pytest

from evergrow.resources.registry.owner_names import of_lease
from evergrow.resources.registry.owners import lease_name, owner_at_work


@pytest.mark.parametrize(
    ("job", "assets", "partition", "owner"),
    [
        ("round_01", (), "x", "x"),
        ("responses", (), "x", "x"),
        ("tree_level_0", (), "x", "tree x"),
        ("tree_samples", (), "s00|x", "tree x"),
        ("release", (), "x", "release x"),
        ("scores", (), "x", "model x"),
        ("measures", (), "tree:x", "tree:x"),
        ("__ASSET_JOB", {"evolution/seeds"}, "x", "x"),
        ("__ASSET_JOB", {"treesynth/balanced"}, "x", "tree x"),
        ("__ASSET_JOB", {"dataset/release"}, "x", "release x"),
        ("__ASSET_JOB", {"trust/judge"}, "x", "model x"),
        ("__ASSET_JOB", {"quality/map"}, "tree:x", "tree:x"),
    ],
)
def test_an_owner_is_known_by_what_is_made_of_it(job: str, assets: set[str], partition: str, owner: str) -> None:
    assert owner_at_work(job, assets, partition) == owner


def test_each_kind_has_a_lease_of_its_own() -> None:
    kinds = ("batch", "tree", "release", "model")

    assert len({lease_name(kind, "x") for kind in kinds}) == len(kinds)
    assert lease_name("set", "tree:x") not in {lease_name(kind, "x") for kind in kinds}


@pytest.mark.parametrize("kind", ["batch", "tree", "release", "model", "set"])
def test_a_lease_tells_whose_it_is(kind: str) -> None:
    name = "tree:x" if kind == "set" else "x"

    assert of_lease(lease_name(kind, name)) == (kind, name)
