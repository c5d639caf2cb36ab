"""Trees on the whole platform: levels, gates, exact samples, outages, balance, conversion."""

import base64
import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from evergrow.assets.names import AWARE, BALANCED, ROUTED, SAMPLES, TREES_NAME, level_key, shard_names, shard_partition
from evergrow.flows.due import What
from evergrow.methods.treesynth import prompt_set
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.trees import register, register_balance
from tests.conftest import FakeEndpoint
from tests.platform import Platform

log = logging.getLogger(__name__)
DOMAINS = Path(prompt_set.__file__).parent / "domains"
SMALL: dict[str, Any] = {"max_depth": 2, "shards": 2, "adherence_rows": 3, "pivots": 6}


@pytest.fixture
def trees(fake_endpoint: FakeEndpoint) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(instance, {"treesynth": SMALL})


def plant(
    platform: Platform, tree: str, domain: str, depth: int, rows: int | None, imported: bytes | None = None
) -> None:
    """Register a tree and make it known to Dagster."""
    register(platform.registry, TreeSpec(tree, domain, depth, rows, 42), imported)
    platform.instance.add_dynamic_partitions(TREES_NAME, [tree])


def grow_levels(platform: Platform, tree: str, depth: int) -> list[str]:
    return [platform.run(f"tree_level_{d}", tree) for d in range(depth + 1)]


def write_shards(platform: Platform, tree: str) -> list[str]:
    names = shard_names(platform.settings.treesynth.shards)
    return [platform.run("tree_samples", shard_partition(tree, name)) for name in names]


def samples(platform: Platform, tree: str, rows: Any = "kept") -> pl.DataFrame:
    names = shard_names(platform.settings.treesynth.shards)
    return pl.concat([platform.table(SAMPLES, shard_partition(tree, name), rows) for name in names])


def level(platform: Platform, tree: str, depth: int, rows: Any = "kept") -> pl.DataFrame:
    return platform.table(level_key(depth), tree, rows)


def test_a_tree_grows_level_by_level_and_its_leaves_hold_exactly_the_target(trees: Platform) -> None:
    plant(trees, "t", "math", 2, 83)
    assert grow_levels(trees, "t", 2) == [""] * 3
    assert write_shards(trees, "t") == ["", ""]

    first, leaves, kept = level(trees, "t", 1), level(trees, "t", 2), samples(trees, "t")

    assert first.height == 7
    assert leaves.height == first["split_values"].list.len().sum()
    assert set(leaves["parent_id"]) == set(first["id"])
    assert set(leaves["state"]) == {"leaf"}
    assert kept.height == 83
    assert kept["id"].is_unique().all()
    assert kept["told"].is_unique().all()
    assert set(kept["leaf_id"]) <= set(leaves["id"])
    per_leaf = kept.group_by("leaf_id").len()["len"]
    assert per_leaf.max() - per_leaf.min() <= 1  # type: ignore[operator]
    explaining = kept.select("tree", "leaf_id", "attributes", "content", "generator_model", "call_id", "run_id")
    assert explaining.null_count().sum_horizontal().item() == 0


def test_a_domain_that_states_nothing_grows_from_its_words_alone(trees: Platform) -> None:
    plant(trees, "t", "code_alpaca", 2, 24)
    assert grow_levels(trees, "t", 2) == [""] * 3
    assert write_shards(trees, "t") == ["", ""]

    kept = samples(trees, "t")
    assert kept.height == 24
    assert all({"instruction", "input"} == set(json.loads(fields)) for fields in kept["fields"])
    assert all(len(attributes) == 2 for attributes in kept["attributes"])


def test_every_sample_has_one_value_in_each_dimension_of_its_path(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 2, 40)
    grow_levels(trees, "t", 2)
    write_shards(trees, "t")

    paths = {row["id"]: row["path"] for row in level(trees, "t", 2).iter_rows(named=True)}
    for row in samples(trees, "t").iter_rows(named=True):
        wanted = {edge["dimension"]: edge["values"] for edge in paths[row["leaf_id"]]}
        assert {a["dimension"] for a in row["attributes"]} == set(wanted)
        assert all(a["value"] in wanted[a["dimension"]] for a in row["attributes"])
    assert trees.spent("t").calls > 0


def test_dimensions_that_the_domain_states_cost_no_request(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 2, 10)

    grow_levels(trees, "t", 2)

    assert trees.spent("t").calls == 0
    assert level(trees, "t", 2).height == 15


def test_more_values_than_the_setting_make_one_list_valued_child(trees: Platform) -> None:
    few = trees.but(treesynth={**SMALL, "infinite_over": 2, "merge_similarity": 1.0})
    plant(few, "t", "gsm8k", 1, 16)
    grow_levels(few, "t", 1)

    top, below = level(few, "t", 0), level(few, "t", 1)

    values = top["split_values"][0].to_list()
    assert top["split_listed"][0] == (len(values) > 2)
    assert below.height == (1 if len(values) > 2 else len(values))
    assert below["list_nodes"].max() == int(len(values) > 2)


def test_a_leaf_below_a_list_writes_more_and_draws_each_value_equally_often(trees: Platform) -> None:
    pairs = trees.but(treesynth={**SMALL, "samples_per_call": 2})
    listed = b'{"children": [{"dimension": "Kind", "attribute_value": ["a", "b", "c", "d", "e"], "samples": null}]}'
    plant(pairs, "t", "gsm8k", 1, None, listed)
    grow_levels(pairs, "t", 1)
    write_shards(pairs, "t")

    kept = samples(pairs, "t")
    drawn = [row[0]["value"] for row in kept["attributes"].to_list()]

    assert kept.height == 2 * 10
    assert {value: drawn.count(value) for value in "abcde"} == dict.fromkeys("abcde", 4)


def test_a_tree_asked_for_twice_is_the_same_and_sends_nothing(trees: Platform, fake_endpoint: FakeEndpoint) -> None:
    plant(trees, "t", "math", 2, 40)
    grow_levels(trees, "t", 2)
    write_shards(trees, "t")
    once, asked = samples(trees, "t", "all"), fake_endpoint.stats()["requests"]

    grow_levels(trees, "t", 2)
    write_shards(trees, "t")

    assert fake_endpoint.stats()["requests"] == asked
    assert samples(trees, "t", "all").equals(once)


def test_an_outage_is_a_failure_and_the_next_run_goes_on(trees: Platform, fake_endpoint: FakeEndpoint) -> None:
    quick = trees.but(endpoints={"default": {"attempts": 1}})
    plant(quick, "t", "math", 2, 40)
    quick.run("tree_level_0", "t")
    fake_endpoint.control(share={"500": 0.4})

    said = quick.run("tree_level_1", "t")
    assert "for few enough nodes no answer came" in said
    assert "gates.level.max_failed_share" in said
    assert "level_gate is FAILED" in quick.run("tree_level_2", "t")

    fake_endpoint.control(share={})
    assert quick.run("tree_level_1", "t") == ""
    assert level(quick, "t", 1)["state"].to_list() == ["inner"] * 7


def test_a_node_that_finds_no_dimension_is_a_leaf_with_its_pivots_as_first_samples(
    trees: Platform, fake_endpoint: FakeEndpoint
) -> None:
    plant(trees, "t", "gsm8k", 1, 12)
    fake_endpoint.control(share={"prose": 1.0}, only="Find the one dimension")

    assert trees.run("tree_level_0", "t") == ""
    top = level(trees, "t", 0)
    assert top["state"][0] == "leaf"
    assert "no valid dimension" in top["leaf_reason"][0]
    fake_endpoint.control(share={})
    assert write_shards(trees, "t") == ["", ""]
    kept = samples(trees, "t")
    assert kept.height == 12
    assert set(kept["origin"]) == {"pivot", "generated"}
    with closing(Ledger.of(trees.settings)) as ledger:
        asked = ledger.askings(kept["call_id"].unique().to_list())
    columns = ["call_id", "run_id", "prompt_version"]
    assert set(kept.select(columns).unique().rows()) == set(asked.select(columns).rows())
    assert kept["run_id"].n_unique() > 1  # pivots were paid by the level's run


def test_a_row_keeps_the_version_of_the_prompt_that_made_it_when_the_domain_changes_around_it(
    trees: Platform, tmp_path: Path
) -> None:
    said = (DOMAINS / "customer_support.yaml").read_text().replace("name: customer_support", "name: own")
    at = trees.but(treesynth={**SMALL, "domains": str(tmp_path)})
    (tmp_path / "own.yaml").write_text(said)
    plant(at, "t", "own", 1, 8)
    grow_levels(at, "t", 1)
    write_shards(at, "t")
    before = samples(at, "t").select("call_id", "run_id", "prompt_version")

    (tmp_path / "own.yaml").write_text(said.replace("\nanswer: text", "\nanswer: code"))
    grow_levels(at, "t", 1)
    write_shards(at, "t")

    assert samples(at, "t").select("call_id", "run_id", "prompt_version").equals(before)


@pytest.mark.parametrize(
    ("limit", "words"), [("max_leaves", "leaves"), ("max_rows", "rows"), ("max_requests", "requests")]
)
def test_a_tree_that_would_explode_is_stopped_before_it_costs_anything(trees: Platform, limit: str, words: str) -> None:
    strict = trees.but(treesynth={**SMALL, limit: 1})
    plant(strict, "t", "math", 2, None)

    said = strict.run("tree_level_0", "t")

    assert f"treesynth.{limit}" in said
    assert words in said
    assert "level_gate is FAILED" in strict.run("tree_level_1", "t")
    assert strict.spent("t").calls == 0


def test_no_sample_says_nearly_what_another_says_in_its_leaf_or_in_any_shard(trees: Platform) -> None:
    strict = trees.but(treesynth={**SMALL, "adherence_rows": 0, "sample_similarity": 0.85})
    plant(strict, "t", "customer_support", 1, 60)
    grow_levels(strict, "t", 1)

    assert write_shards(strict, "t") == ["", ""]

    kept, rows = samples(strict, "t"), samples(strict, "t", "all")
    vectors = Embedder(strict.settings.embedding, strict.lake.files, LogProgress(log)).embed(kept["content"].to_list())
    apart = vectors @ vectors.T - 2 * np.eye(kept.height)
    assert kept.height == 60
    assert apart.max() < 0.85
    assert kept["likeness"].max() == pytest.approx(apart.max(), abs=1e-5)
    said = rows.with_columns(owner=pl.col("reason").str.extract(r"^duplicate nearly of a sample of leaf (\w+)"))
    repeated = said.filter(pl.col("owner").is_not_null())
    assert set(repeated["owner"]) <= set(kept["leaf_id"])
    assert repeated.filter(pl.col("owner") != pl.col("leaf_id")).height > 0


def test_samples_that_fall_short_close_the_gate(trees: Platform, fake_endpoint: FakeEndpoint) -> None:
    plant(trees, "t", "customer_support", 1, 30)
    grow_levels(trees, "t", 1)
    fake_endpoint.control(share={"refuse": 1.0}, only="customer message")

    assert "gates.samples.min_fill" in write_shards(trees, "t")[0]


def test_rows_that_lack_answers_of_use_are_owed_and_the_next_run_asks_for_them(
    trees: Platform, fake_endpoint: FakeEndpoint
) -> None:
    plant(trees, "t", "customer_support", 1, 8)
    grow_levels(trees, "t", 1)
    first = shard_partition("t", shard_names(2)[0])
    fake_endpoint.control(share={"prose": 1.0}, only="customer message")

    assert "got no answer of use" in write_shards(trees, "t")[0]
    owed = trees.due(SAMPLES, first)
    assert owed
    assert owed.what is What.MAKE_FAILED

    fake_endpoint.control(share={})
    assert write_shards(trees, "t") == ["", ""]
    assert samples(trees, "t").height == 8
    assert trees.due(SAMPLES, first) is None


def test_a_dataset_is_sorted_thinned_filled_and_marked(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 2, 40)
    grow_levels(trees, "t", 2)
    rows = pl.DataFrame({"id": [f"r{n}" for n in range(90)], "content": [f"My parcel {n} is late." for n in range(90)]})
    register_balance(trees.registry, "t", rows, origin="test", rows=60, redo_from=None)

    assert trees.run("tree_routed", "t") == ""
    assert trees.run("tree_balanced", "t") == ""

    routed, balanced = trees.table(ROUTED, "t"), trees.table(BALANCED, "t", "all")
    kept = balanced.filter(pl.col("reason").is_null())
    assert routed.height == 90
    assert set(routed["leaf_id"]) <= set(level(trees, "t", 2)["id"])
    assert kept.height == 60
    assert set(kept.group_by("leaf_id").len()["len"]) == {4}
    own = kept.filter(pl.col("origin") == "kept")
    assert set(own["id"]) <= set(rows["id"])
    assert kept.filter(pl.col("origin") == "generated")["call_id"].null_count() == 0
    assert own.height + balanced.filter(pl.col("reason") == "thinned").height == 90


def test_a_row_without_a_way_stays_in_the_table_with_its_reason(trees: Platform, fake_endpoint: FakeEndpoint) -> None:
    lenient = trees.but(gates={"routed": {"max_unrouted_share": 1.0}})
    plant(lenient, "t", "customer_support", 1, 10)
    grow_levels(lenient, "t", 1)
    rows = pl.DataFrame({"id": ["a", "b"], "content": ["odd text", "plain text"]})
    register_balance(lenient.registry, "t", rows, origin="test", rows=10, redo_from=None)
    fake_endpoint.control(share={"prose": 1.0}, only="odd text")

    assert lenient.run("tree_routed", "t") == ""

    found = {row["id"]: row for row in lenient.table(ROUTED, "t", "all").iter_rows(named=True)}
    assert found["a"]["reason"].startswith("unrouted: ")
    assert found["a"]["stuck_at"] == level(lenient, "t", 0)["id"][0]
    assert found["b"]["reason"] is None


def test_stories_are_converted_with_letters_in_balance(trees: Platform) -> None:
    plant(trees, "t", "simpletom", 1, 21)
    grow_levels(trees, "t", 1)
    write_shards(trees, "t")

    assert trees.run("tree_aware", "t") == ""

    aware = trees.table(AWARE, "t")
    letters = aware["letter"].to_list()
    assert aware.height == 21
    assert abs(letters.count("A") - letters.count("B")) == 1
    for row in aware.iter_rows(named=True):
        assert f"({row['letter']}) {row['aware_action']}" in row["input"]
        assert row["output"] == f"{row['reasoning']} So the answer is ({row['letter']})."


def test_stories_that_are_known_as_texts_stay_with_the_reason_and_close_no_gate(trees: Platform) -> None:
    texts = ["Ann buys a box. She opens it.", "Bo boils an egg. He eats it.", "Cy mends a bicycle. He rides to work."]
    leaves = [{"dimension": "Kind", "attribute_value": kind, "samples": texts if kind == "a" else []} for kind in "ab"]
    plant(trees, "t", "simpletom", 1, 6, json.dumps({"samples": None, "children": leaves}).encode())
    grow_levels(trees, "t", 1)
    assert write_shards(trees, "t") == ["", ""]

    assert trees.run("tree_aware", "t") == ""

    aware = trees.table(AWARE, "t", "all")
    told = aware["reason"].str.starts_with("known_as_text")
    assert (aware.height, told.sum(), aware["reason"].null_count()) == (6, 3, 3)
    assert set(aware.filter(told.fill_null(value=False))["unaware_story"]) == set(texts)


def test_problems_are_no_stories_to_convert(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 1, 5)
    grow_levels(trees, "t", 1)
    write_shards(trees, "t")

    assert "no stories of unaware people" in trees.run("tree_aware", "t")


def test_an_imported_tree_goes_on_where_it_ended(trees: Platform) -> None:
    given = (
        b'{"samples": null, "children": [{"dimension": "Kind", "attribute_value": "a", "samples": ["one text", "two"]},'
        b' {"dimension": "Kind", "attribute_value": "b", "samples": null, "children": []}]}'
    )
    plant(trees, "t", "gsm8k", 2, 20, given)

    assert grow_levels(trees, "t", 2) == [""] * 3
    assert write_shards(trees, "t") == ["", ""]

    first = level(trees, "t", 1)
    # The run that wrote the file was interrupted before `b`: what `a` holds are its pivots, and it goes on from them.
    assert first["state"].to_list() == ["inner", "inner"]
    assert first["path"].list.last().struct.field("values").list.first().to_list() == ["a", "b"]
    assert [pivot["content"] for pivot in first["pivots"][0]][:2] == ["one text", "two"]
    assert samples(trees, "t").height == 20


def test_of_several_dimensions_one_is_taken_and_each_was_asked_for(trees: Platform) -> None:
    several = trees.but(treesynth={**SMALL, "dimension_candidates": 3, "max_asks": 1})
    plant(several, "t", "gsm8k", 1, 5)

    assert several.run("tree_level_0", "t") == ""

    assert several.spent("t").calls == 1 + 3 + 1  # pivots, dimensions, values


def test_a_shard_repeats_nothing_of_the_shards_before_it_and_waits_for_them(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 1, 20)
    grow_levels(trees, "t", 1)

    assert "was never made" in trees.run("tree_samples", shard_partition("t", "s01"))


def test_what_a_changed_level_or_shard_made_outdated_cannot_be_read(trees: Platform) -> None:
    stories = trees.but(treesynth={**SMALL, "sample_similarity": 1.0})
    plant(stories, "t", "simpletom", 1, 8)
    grow_levels(stories, "t", 1)
    write_shards(stories, "t")
    assert stories.run("tree_aware", "t") == ""
    assert stories.table(AWARE, "t").height == 8

    register(stories.registry, TreeSpec("t", "simpletom", 1, 32, 42))
    assert stories.run("tree_samples", shard_partition("t", "s00")) == ""
    with pytest.raises(dg.Failure, match=r"treesynth/aware is outdated .*treesynth/samples"):
        stories.table(AWARE, "t")

    register(stories.registry, TreeSpec("t", "simpletom", 2, 32, 42))
    assert grow_levels(stories, "t", 1) == ["", ""]
    with pytest.raises(dg.Failure, match=r"treesynth/samples is outdated .*treesynth/level_"):
        samples(stories, "t")


def test_a_tree_carries_its_picture_its_text_and_its_leaves_sizes(trees: Platform) -> None:
    plant(trees, "t", "customer_support", 1, 20)
    grow_levels(trees, "t", 1)
    write_shards(trees, "t")

    made = trees.instance.fetch_materializations(SAMPLES, limit=1).records[0].asset_materialization
    assert made is not None
    assert "What the customer wants" in drawn(made.metadata["tree"])
    assert "leaves" in drawn(made.metadata["leaf_sizes"])


def test_levels_and_samples_carry_what_was_planned_beside_what_was_asked(trees: Platform) -> None:
    plant(trees, "t", "gsm8k", 1, 20)
    grow_levels(trees, "t", 1)
    write_shards(trees, "t")

    for key, planned in ((level_key(0), 1 + 3), (SAMPLES, None)):
        made = trees.instance.fetch_materializations(key, limit=1).records[0].asset_materialization
        assert made is not None
        figures: dict[str, Any] = {name: value.value for name, value in made.metadata.items()}
        assert planned is None or figures["planned_requests"] == planned
        assert figures["planned_tokens_in"] > 0
        assert figures["requests"] <= figures["planned_most_requests"]
        assert figures["tokens_in"] + figures["tokens_out"] <= figures["planned_most_tokens"]
        assert "generator: " in figures["planned_from"]
        assert figures["planned_usd"] is None


def test_a_node_below_a_list_finds_its_dimension_from_several_draws(trees: Platform) -> None:
    listed = b'{"children": [{"dimension": "Kind", "attribute_value": ["a", "b", "c", "d"], "samples": null}]}'
    plant(trees, "t", "gsm8k", 2, 10, listed)

    assert grow_levels(trees, "t", 1) == ["", ""]

    pivots = level(trees, "t", 1)["pivots"][0].to_list()
    assert len(pivots) == SMALL["pivots"]
    assert len({pivot["attributes"][0]["value"] for pivot in pivots}) >= 3


def drawn(picture: dg.MetadataValue) -> str:
    """The SVG of a picture that the UI shows."""
    return base64.b64decode(str(picture.value).partition("base64,")[2].removesuffix(")")).decode()
