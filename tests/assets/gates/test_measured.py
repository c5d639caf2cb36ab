"""Gates that bound measures of a whole set: of a round, the collection, a tree, a release."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.gates.check import evaluate, thresholds
from evergrow.assets.gates.measured import ComparedSets, MeasuredSet, measured_facts
from evergrow.assets.names import COLLECTED, SAMPLES, TREES_NAME, shard_names, shard_partition, stage_key
from evergrow.flows.due import What
from evergrow.flows.judged import judged
from evergrow.flows.run import judge
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.embedding.embedder import Embedder, _keys
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.lake.readable import GateClosed, GateState, Judgement
from evergrow.resources.registry.recipes import record
from evergrow.resources.registry.trees import register
from evergrow.resources.settings import Settings, SettingsError, load_settings
from evergrow.resources.settings.recipe import recipe_of
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, SUBJECTS, Platform

ACCEPTED, SECOND = stage_key(1, "accepted"), stage_key(2, "accepted")
TEXTS = pl.Series([f"Count the {name} of a village, and say what you did." for name in SUBJECTS])


def bounded(stage: str, **measures: Any) -> Settings:
    return load_settings({"gates": {stage: {"measures": measures}}})


def verdict(settings: Settings, rows: int, measured: Any) -> dg.AssetCheckResult:
    table = pl.DataFrame({"id": [f"r{n}" for n in range(rows)], "reason": [None] * rows})
    return evaluate("collected", table, settings, {}, measured)


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("measured", [{}, {"novelsum": None}])
def test_what_was_not_measured_closes_the_gate(rows: int, measured: dict[str, float | None]) -> None:
    found = verdict(bounded("collected", novelsum={"max": 9.0}), rows, measured)

    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "novelsum of the whole set (nothing was measured, wanted at most 9" in str(found.description)


def test_value_threshold_and_setting_stand_in_the_message_and_the_value_in_the_metadata() -> None:
    settings = bounded("collected", novelsum={"min": 0.5, "max": 0.9, "min_against_seeds": -0.1})

    found = verdict(settings, 3, {"novelsum": 0.4, "novelsum_against_seeds": 0.0})

    assert not found.passed
    assert "novelsum of the whole set (0.400, wanted at least 0.5, at most 0.9, setting " in str(found.description)
    assert "gates.collected.measures.novelsum.min" in str(found.description)
    assert found.metadata["novelsum"].value == 0.4
    assert "gates.collected.measures.novelsum.min_against_seeds -0.1" in thresholds("collected", settings)
    assert verdict(settings, 3, {"novelsum": 0.6, "novelsum_against_seeds": -0.1}).passed


def test_gates_that_bound_no_measure_are_what_they_were() -> None:
    assert thresholds("accepted", load_settings({})).count("gates.accepted.") == 3


@pytest.mark.parametrize(
    ("stage", "given", "words"),
    [
        ("accepted", {"novelsm": {"min": 1}}, "did you mean 'novelsum'?"),
        ("accepted", {"leaf_coverage": {"min": 1}}, "no measure that can be had here"),
        ("accepted", {"novelsum": {}}, "names no bound"),
        ("collected", {"novelsum": {"min": 2, "max": 1}}, "min 2 is more than max 1"),
        ("collected", {"coverage_of_reference": {"min_against_seeds": 0}}, "no difference to another set"),
        ("samples", {"novelsum": {"min_against_seeds": 0}}, "gates.samples.measures.novelsum.min_against_seeds"),
        ("release", {"novelsum": {"min_against_before": 0}}, "gates.release.measures.novelsum.min_against_before"),
        ("release", {"novelsum": {"min": float("nan")}}, "gates.release.measures.novelsum.min"),
    ],
)
def test_a_bound_that_could_mean_nothing_is_refused_when_settings_are_read(
    stage: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words.replace("?", r"\?").replace(".", r"\.")):
        bounded(stage, **given)


def test_a_bound_that_is_set_to_nothing_is_taken_back() -> None:
    assert bounded("release", novelsum=None).gates.release.measures == {}


def test_only_what_is_bounded_is_measured_and_what_cannot_be_is_nothing(vectors_at_hand: None, tmp_path: Any) -> None:
    settings = bounded(
        "accepted",
        vocabulary={"min": 5},
        novelsum={"min_against_seeds": 0, "min_against_before": 0},
        coverage_of_reference={"min": 0.1},
    )
    embedder = Embedder(settings.embedding, Files(tmp_path / "lake"), LogProgress(logging.getLogger(__name__)))
    sets = ComparedSets(MeasuredSet(TEXTS), TEXTS)

    found = measured_facts("accepted", settings, sets, embedder)

    assert found == {
        "vocabulary": 20.0,
        "novelsum_against_seeds": 0.0,
        "novelsum_against_before": None,
        "coverage_of_reference": 1.0,
    }
    empty = measured_facts("accepted", settings, ComparedSets(MeasuredSet(TEXTS.clear()), TEXTS), embedder)
    assert set(empty.values()) == {None}


def test_no_vectors_are_made_for_words_nor_for_sets_that_no_bound_compares(
    vectors_at_hand: None, tmp_path: Path
) -> None:
    files = Files(tmp_path / "lake")
    sets = ComparedSets(MeasuredSet(TEXTS), pl.Series(["a seed"]), pl.Series(["of the round before"]))
    facts = partial(measured_facts, "accepted", sets=sets)
    embedder = Embedder(Settings().embedding, files, LogProgress(logging.getLogger(__name__)))

    words = facts(bounded("accepted", vocabulary={"min": 1, "min_against_seeds": -9}), embedder=embedder)
    assert words["vocabulary"] == 20.0
    assert not VectorStore(files).find(embedder.identity, _keys(TEXTS.to_list())).known.any()

    facts(bounded("accepted", novelsum={"min": 0}), embedder=embedder)
    store = VectorStore(files)
    assert store.find(embedder.identity, _keys(TEXTS.to_list())).known.all()
    assert not store.find(embedder.identity, _keys(["a seed", "of the round before"])).known.any()


def closed(platform: Platform, key: dg.AssetKey, partition: str) -> Judgement:
    """What the gate says by the settings of today, which it has not judged by yet."""
    platform.frontier.forget()
    standing = platform.frontier.standing(platform.instance, key, partition)
    assert standing.due is not None
    assert standing.due.what is What.JUDGE
    return judge(platform.workspace, standing)


def test_rounds_and_the_collection_are_judged_by_their_measures_and_closed_to_every_reader(platform: Platform) -> None:
    platform.register("b", 6)
    for job in ("seeds", "round_01", "round_02", "collected"):
        assert platform.run(job, "b") == ""
    asked = platform.spent("b").calls
    strict = platform.but(
        gates={
            **LENIENT["gates"],
            "accepted": {"measures": {"vocabulary": {"min": 1e6}, "novelsum": {"min_against_before": -9}}},
            "collected": {"measures": {"mean_pairwise_similarity": {"max": -2}, "novelsum": {"min_against_seeds": -9}}},
        }
    )

    said = {key: closed(strict, key, "b") for key in (ACCEPTED, SECOND, COLLECTED)}

    for key, one in said.items():
        assert one.state is GateState.FAILED, key
        assert "of the whole set (" in str(one.why)
        assert "less that of" not in str(one.why)  # those bounds are met
        with pytest.raises(GateClosed, match="of the whole set"):
            strict.table(key, "b")
        assert strict.due(key, "b") is None
    row = judged(strict.workspace, [(COLLECTED, "b")]).row(-1, named=True)
    assert "gates.collected.measures.mean_pairwise_similarity.max -2" in row["thresholds"]
    assert "mean_pairwise_similarity of the whole set: 0." in row["observed"]

    loose = strict.but(gates={**LENIENT["gates"], "accepted": {"measures": {"vocabulary": {"min": 5}}}})
    for key in (ACCEPTED, SECOND, COLLECTED):
        assert closed(loose, key, "b").state is GateState.PASSED
    assert loose.table(COLLECTED, "b").height > 0
    assert loose.spent("b").calls == asked


def test_judging_again_has_an_endpoint_embed_what_has_no_vectors_yet_and_its_owner_pays(platform: Platform) -> None:
    platform.register("b", 6)
    for job in ("seeds", "round_01"):
        assert platform.run(job, "b") == ""
    asked = platform.spent("b").calls
    novel = {"accepted": {"measures": {"novelsum": {"min": 0.0}}}}
    other = platform.but(embedding={"endpoint": "default"}, gates={**LENIENT["gates"], **novel})

    assert closed(other, ACCEPTED, "b").state is GateState.PASSED

    assert other.spent("b").calls == asked + 1  # the accepted rows: nothing of the seeds is bounded
    assert other.due(ACCEPTED, "b") is None


def test_a_run_of_a_round_fails_at_a_measure_and_names_it(platform: Platform) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "accepted": {"measures": {"vocabulary": {"min": 1e6}}}})
    strict.register("b", 4)
    assert strict.run("seeds", "b") == ""

    said = strict.run("round_01", "b")

    assert "vocabulary of the whole set" in said
    assert "gates.accepted.measures.vocabulary.min" in said


def test_a_tree_is_judged_as_a_whole_with_its_last_shard_by_its_own_recipe(fake_endpoint: FakeEndpoint) -> None:
    own: dict[str, Any] = {"max_depth": 1, "shards": 2, "adherence_rows": 0}
    with dg.DagsterInstance.ephemeral() as instance:
        trees = Platform(instance, {"treesynth": own})
        register(trees.registry, TreeSpec("t", "customer_support", 1, 4, 42), None)
        record(trees.registry, "tree", "t", recipe_of(trees.settings), "a test")
        instance.add_dynamic_partitions(TREES_NAME, ["t"])
        for job in ("tree_level_0", "tree_level_1"):
            assert trees.run(job, "t") == ""
        first, last = (shard_partition("t", name) for name in shard_names(2))
        assert [trees.run("tree_samples", shard) for shard in (first, last)] == ["", ""]

        other = trees.but(treesynth={**own, "max_depth": 1, "shards": 1})  # this machine's, which the tree is not of
        instance.add_dynamic_partitions("of", ["tree:t"])
        assert other.run("measures", "tree:t") == ""
        found = other.table(dg.AssetKey(["quality", "measures"]), "tree:t")
        rows = dict(found.select("measure", "rows").iter_rows())
        assert rows["vocabulary"] == rows["leaf_coverage"] == 4

        strict = {"samples": {"measures": {"leaf_coverage": {"min": 1.0}, "vocabulary": {"min": 1}}}}
        wanted = trees.settings.model_copy(update={"gates": load_settings({"gates": strict}).gates})
        record(trees.registry, "tree", "t", recipe_of(wanted), "a test")
        assert closed(trees, SAMPLES, first).state is GateState.PASSED
        said = closed(trees, SAMPLES, last)
        assert said.state is GateState.FAILED
        assert "leaf_coverage of the whole set (0.8" in str(said.why)
