"""Which rows are answered: what was collected, or seeds as they are, each with what is truly known of it."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.dataset.samples import OF_TREE, SAMPLE, samples_of
from evergrow.assets.names import COLLECTED, RESPONSES, SEEDS
from evergrow.methods.treesynth.nodes import ATTRIBUTES
from evergrow.resources.seeds.source import Seeds
from tests.platform import Platform, functions
from tests.samples import PLAIN, instructions

COLUMNS = tuple(name for name in (*SAMPLE, *OF_TREE) if name != "task")
OWN: dict[str, Any] = {
    "value": ["high", "low"],
    "letter": [1, 2],
    "attributes": [[1.5], []],
    "tree": [True, False],
    "leaf_id": [7, 8],
}


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def as_loaded(seeds: Seeds, batch: str = "b") -> pl.DataFrame:
    """Seeds as the table `evolution/seeds` has them."""
    domain = [] if "domain" in seeds.frame.columns else [pl.lit("general").alias("domain")]
    return seeds.frame.with_columns(pl.lit(batch).alias("batch"), pl.col("id").alias("root_id"), *domain)


def of_tree() -> Seeds:
    """Two samples of one leaf and one of another."""
    return instructions(
        PLAIN[:3],
        tree="t",
        leaf_id=["l0", "l0", "l1"],
        attributes=pl.Series([[{"dimension": "Tone", "value": "calm"}]] * 3, dtype=ATTRIBUTES),
        letter=["A", None, "B"],
        fields='{"message": "hi"}',
        generator_model="m",
        domain="customer_support",
    )


def test_an_evolved_batch_gives_what_was_collected_with_what_its_roots_carry(platform: Platform) -> None:
    frame = functions(3).frame.with_columns(license=pl.Series(["MIT", None, "Apache-2.0"]))
    platform.register("evolved", Seeds(frame))
    for job in ("seeds", "round_01", "collected"):
        assert platform.run(job, "evolved") == ""
    seeds, collected = platform.table(SEEDS, "evolved"), platform.table(COLLECTED, "evolved")

    samples = samples_of(platform.instance, seeds, collected)

    assert tuple(samples.columns) == COLUMNS
    assert samples["id"].to_list() == collected["id"].to_list()
    assert samples["value"].to_list() == collected["value"].to_list()
    assert set(samples["kind"]) == {"code"}
    licences = dict(samples.select("root_id", "license").iter_rows())
    assert licences == {"s0": "MIT", "s1": None, "s2": "Apache-2.0"}


def test_a_batch_that_is_evolved_and_not_collected_says_which_command_does_it(platform: Platform) -> None:
    platform.register("half", 2)
    assert platform.run("seeds", "half") == ""
    assert platform.run("round_01", "half") == ""

    said = platform.run("responses", "half")

    assert said == "batch 'half' is evolved but not collected yet: `evergrow run --batch half` does it"


def test_code_that_nobody_evolved_says_that_it_has_no_answer(platform: Platform) -> None:
    platform.register("code", 2)
    assert platform.run("seeds", "code") == ""

    said = platform.run("responses", "code")

    assert "the seeds of batch 'code' are code" in said
    assert "`evergrow run --batch code`" in said
    with pytest.raises(dg.Failure, match="never made"):
        platform.table(RESPONSES, "code")


def test_samples_of_a_tree_come_as_they_are_with_their_leaf_for_a_root(instance: dg.DagsterInstance) -> None:
    samples = samples_of(instance, as_loaded(of_tree()), None)

    assert tuple(samples.columns) == COLUMNS
    assert samples["root_id"].to_list() == ["l0", "l0", "l1"]
    assert samples["letter"].to_list() == ["A", None, "B"]
    assert samples["attributes"].to_list() == [[{"dimension": "Tone", "value": "calm"}]] * 3
    assert set(samples["round"]) == {0}
    assert samples["kind"].null_count() == 3  # nobody's file: a tree wrote them
    assert samples["generator_model"].to_list() == ["m"] * 3


def test_what_was_evolved_of_a_trees_samples_knows_their_leaf_and_no_letter(instance: dg.DagsterInstance) -> None:
    seeds = as_loaded(of_tree())
    collected = pl.DataFrame(
        {"id": ["q1_0"], "root_id": ["q1"], "parent_id": ["q1"], "batch": ["b"], "domain": ["customer_support"]}
    ).with_columns(round=pl.lit(1), slot=pl.lit(0), content=pl.lit("Harder."))

    samples = samples_of(instance, seeds, collected)

    row = samples.row(0, named=True)
    assert (row["root_id"], row["tree"], row["leaf_id"], row["kind"]) == ("q1", "t", "l0", "instruction")
    assert row["letter"] is row["fields"] is None


def test_a_files_own_columns_are_not_taken_for_ours(instance: dg.DagsterInstance) -> None:
    own = instructions(PLAIN[:2], license="MIT", **OWN)

    samples = samples_of(instance, as_loaded(own), None)

    assert tuple(samples.columns) == COLUMNS
    assert samples.select("value", "letter", "attributes", "tree", "leaf_id").null_count().row(0) == (2,) * 5
    assert samples["license"].to_list() == ["MIT"] * 2
    assert samples["root_id"].to_list() == ["q0", "q1"]


def test_a_file_with_such_columns_goes_all_the_way_to_a_release(platform: Platform) -> None:
    platform.register("odd", instructions(PLAIN[:2], generator_model=[1, 2], **OWN))

    for job in ("seeds", "responses", "verified", "clean"):
        assert platform.run(job, "odd") == ""
    assert platform.release("odd") == ""

    assert platform.released()["id"].to_list() == ["q0", "q1"]
