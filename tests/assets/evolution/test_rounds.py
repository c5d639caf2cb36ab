from contextlib import closing
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.evolution.accepted import ACCEPTED_COLUMNS
from evergrow.assets.names import COLLECTED, SEEDS, stage_key
from evergrow.methods.evolution.synthesis import optimise_prompt
from evergrow.resources.lake.readable import GATES, GateClosed, Outdated
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.leases import lease
from evergrow.resources.seeds.source import Seeds
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, prepare

EVOLUTION = {"rounds": 2, "children": 2, "margin": -10}
CANARY = "sk-canary-40d1c2aa97"


def grow(platform: Platform, *jobs: str, seeds: int = 4, batch: str = "b") -> None:
    platform.register(batch, seeds)
    for job in ("seeds", *jobs):
        assert platform.run(job, batch) == ""


def test_a_round_gives_every_parent_its_children_with_all_that_explains_them(platform: Platform) -> None:
    grow(platform, "round_01")

    every = platform.table(stage_key(1, "accepted"), "b", rows="all")

    assert tuple(every.columns) == ACCEPTED_COLUMNS
    assert sorted(every["id"]) == sorted(f"s{n}_{slot}" for n in range(4) for slot in range(2))
    kept = every.filter(pl.col("reason").is_null())
    explaining = kept.drop("reason", "nearest_id", "parent_complexity", "parent_diversity")
    assert kept.height > 0
    assert explaining.null_count().sum_horizontal().item() == 0
    assert kept["complexity"].is_between(1, 10).all()
    assert kept["diversity"].is_between(0, 1).all()
    assert kept["value"].to_list() == pytest.approx((kept["complexity"] + 10 * kept["diversity"]).to_list())


def test_the_beam_keeps_three_quarters_and_says_so_of_the_rest(platform: Platform) -> None:
    grow(platform, "round_01")

    every = platform.table(stage_key(1, "accepted"), "b", rows="all")

    alive = every.filter(pl.col("reason").is_null() | (pl.col("reason") == "outside_beam"))
    assert every["reason"].null_count() == -(-3 * alive.height // 4)


def test_the_next_round_evolves_what_was_accepted_and_carries_its_scores(platform: Platform) -> None:
    grow(platform, "round_01", "round_02")

    parents = platform.table(stage_key(1, "accepted"), "b")
    children = platform.table(stage_key(2, "accepted"), "b", rows="all")

    assert set(children["parent_id"]) == set(parents["id"])
    assert children.height == 2 * parents.height
    joined = children.join(parents, left_on="parent_id", right_on="id", suffix="_of_parent")
    assert joined["parent_complexity"].equals(joined["complexity_of_parent"])
    assert joined["parent_diversity"].equals(joined["diversity_of_parent"])


def test_a_batch_of_instructions_starts_with_the_optimising_prompt(platform: Platform) -> None:
    rows = {"id": ["a", "b"], "seed_id": ["a", "b"], "content": ["Sort a list.", "Plan a garden."]}
    frame = pl.DataFrame({**rows, "kind": "instruction", "source": "made:1"})
    platform.register("tasks", Seeds(frame))
    for job in ("seeds", "round_01"):
        assert platform.run(job, "tasks") == ""

    accepted = platform.table(stage_key(1, "accepted"), "tasks", rows="all")

    assert set(accepted["prompt_version"]) == {optimise_prompt().version}
    assert set(accepted["domain"]) == {"general"}


def test_a_closed_gate_names_the_expectation_the_figures_and_the_setting(platform: Platform) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "complexity": {"min_mean": 10}})
    strict.register("b", 3)
    strict.run("seeds", "b")

    message = strict.run("round_01", "b")

    assert "evolution/round_01/complexity:complexity_gate" in message
    assert "the mean complexity is high enough" in message
    assert "gates.complexity.min_mean" in message


def test_nothing_downstream_of_a_closed_gate_is_made(platform: Platform) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "complexity": {"min_mean": 10}})
    strict.register("b", 3)
    strict.run("seeds", "b")
    strict.run("round_01", "b")

    for job, keys in (
        ("round_01", [stage_key(1, "diversity")]),
        ("round_01", [stage_key(1, "accepted")]),
        ("round_02", None),
        ("collected", None),
    ):
        assert strict.run(job, "b", keys)
    assert "complexity_gate is FAILED" in strict.run("round_01", "b", [stage_key(1, "accepted")])


def test_a_gate_that_is_loosened_opens_without_asking_the_judge_again(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "complexity": {"min_mean": 10}})
    strict.register("b", 3)
    strict.run("seeds", "b")
    strict.run("round_01", "b")
    asked = fake_endpoint.stats()["requests"]

    assert platform.run("round_01", "b") == ""

    assert fake_endpoint.stats()["requests"] == asked


def test_a_repeated_round_asks_nothing_and_changes_nothing(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    grow(platform, "round_01")
    first, asked = platform.table(stage_key(1, "accepted"), "b", rows="all"), fake_endpoint.stats()["requests"]

    assert platform.run("round_01", "b") == ""

    assert fake_endpoint.stats()["requests"] == asked
    assert platform.table(stage_key(1, "accepted"), "b", rows="all").equals(first)


def test_more_children_ask_only_for_the_new_ones(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    grow(platform, "round_01")
    asked = fake_endpoint.stats()["requests"]
    wider = platform.but(evolution={**EVOLUTION, "children": 3})

    assert wider.run("round_01", "b") == ""

    children = wider.table(stage_key(1, "instructions"), "b", rows="all")
    new = children.filter((pl.col("slot") == 2) & pl.col("reason").is_null()).height
    assert fake_endpoint.stats()["requests"] - asked == 4 + new


def test_every_request_is_in_the_ledger_under_its_batch(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    grow(platform, "round_01")

    assert platform.spent("b").calls == fake_endpoint.stats()["requests"]


def test_children_that_the_model_refuses_are_kept_with_the_reason(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(first={"refuse": 2})

    grow(platform, "round_01")

    every = platform.table(stage_key(1, "accepted"), "b", rows="all")
    assert every.filter(pl.col("reason").str.starts_with("refused")).height == 2
    assert every.height == 8


def test_a_batch_that_is_being_run_is_left_alone(platform: Platform) -> None:
    grow(platform)

    with lease(platform.registry, "b", "another-run"):
        message = platform.run("round_01", "b")

    assert "'b'" in message
    assert "another-run" in message
    assert platform.run("round_01", "b") == ""


def test_an_endpoint_that_refuses_the_key_ends_the_run_with_one_clear_message(
    platform: Platform, fake_endpoint: FakeEndpoint
) -> None:
    grow(platform)
    fake_endpoint.control(key="another key")

    message = platform.run("round_01", "b")

    assert "OPENAI_API_KEY" in message
    assert "sk-test-0123456789" not in message


def test_collected_takes_the_rounds_that_there_are(platform: Platform) -> None:
    grow(platform, "round_01", "collected")
    one = platform.table(COLLECTED, "b", rows="all")

    assert platform.run("round_02", "b") == ""
    assert platform.run("collected", "b") == ""

    both = platform.table(COLLECTED, "b", rows="all")
    assert set(one["round"]) == {1}
    assert set(both["round"]) == {1, 2}
    every = [platform.table(stage_key(n, "accepted"), "b", rows="all") for n in (1, 2)]
    assert both.height == sum(table["value"].count() for table in every)


def test_collected_without_any_round_says_what_to_do(platform: Platform) -> None:
    grow(platform)

    assert "run round 1 first" in platform.run("collected", "b")


def test_batches_do_not_see_each_other(platform: Platform) -> None:
    grow(platform, "round_01", batch="one")
    grow(platform, "round_01", batch="two", seeds=2)

    assert set(platform.table(stage_key(1, "accepted"), "two")["batch"]) == {"two"}
    assert set(platform.table(SEEDS, "one")["batch"]) == {"one"}
    nearest = platform.table(stage_key(1, "accepted"), "two")["nearest_id"].drop_nulls()
    assert nearest.str.contains("^s[01]_").all()


def test_no_gated_table_is_depended_on_without_being_read_through_its_gate(platform: Platform) -> None:
    """The lake can refuse a read; it cannot refuse a bare dependency."""
    for asset in platform.definitions.resolve_asset_graph().assets_defs:
        if not asset.is_executable:
            continue
        read = set(asset.keys_by_input_name.values())
        for parents in asset.asset_deps.values():
            for parent in parents:
                gated = platform.definitions.resolve_asset_graph().get(parent).metadata.get(GATES)
                assert not gated or parent in read


def test_scores_of_other_texts_are_not_accepted(platform: Platform) -> None:
    """New instructions, and then only what comes after the judge, as two clicks in the UI would do it."""
    grow(platform, "round_01")
    other = platform.but(roles={"generator": {"model": "another-model"}})
    assert other.run("round_01", "b", [stage_key(1, "instructions")]) == ""

    for stage in ("diversity", "accepted"):
        message = other.run("round_01", "b", [stage_key(1, stage)])
        assert "evolution/round_01/complexity is outdated" in message
        assert "evolution/round_01/instructions changed" in message


def test_what_was_collected_cannot_be_read_once_a_gate_that_it_rests_on_is_closed(platform: Platform) -> None:
    grow(platform, "round_01", "collected")
    assert platform.table(COLLECTED, "b").height
    strict = platform.but(gates={**LENIENT["gates"], "accepted": {"min_share": 1.0}})

    assert strict.run("round_01", "b", [stage_key(1, "accepted")])

    with pytest.raises(GateClosed, match="accepted_gate is FAILED"):
        platform.table(COLLECTED, "b")


def test_what_was_collected_cannot_be_read_once_the_seeds_are_others(platform: Platform) -> None:
    grow(platform, "round_01", "collected")
    platform.register("b", 2)

    assert platform.run("seeds", "b") == ""

    with pytest.raises(Outdated, match="evolution/seeds changed"):
        platform.table(COLLECTED, "b")


def test_every_child_of_a_round_is_asked_for_in_another_way_and_told_what_its_parent_is_near_to(
    platform: Platform,
) -> None:
    grow(platform, "round_01", "round_02")

    first = platform.table(stage_key(1, "accepted"), "b", rows="all")
    second = platform.table(stage_key(2, "instructions"), "b", rows="all")

    asked = second.group_by("parent_id").agg(pl.col("operator").n_unique(), pl.col("words").n_unique())
    assert set(asked["operator"]) == set(asked["words"]) == {2}
    parent = first.filter(pl.col("id") == second["parent_id"][0]).row(0, named=True)
    near = first.filter(pl.col("id") == parent["nearest_id"])["content"].item()
    with closing(Ledger.of(platform.settings)) as ledger:
        call = ledger.call(second["call_id"][0])
    assert call is not None
    assert near[:100] in call.request


def test_children_below_a_floor_have_no_children_and_are_not_collected(platform: Platform) -> None:
    strict = platform.but(evolution={**EVOLUTION, "rounds": 1, "min_complexity": 6})
    grow(strict, "round_01", "collected")

    accepted = strict.table(stage_key(1, "accepted"), "b", rows="all")
    collected = strict.table(COLLECTED, "b", rows="all")

    low = accepted.filter(pl.col("reason") == "below_complexity")
    assert 0 < low.height < accepted.height
    assert low["complexity"].max() < 6  # type: ignore[operator]
    assert set(collected["id"]).isdisjoint(low["id"])


def test_a_round_says_how_its_diversity_compares_with_its_seeds(platform: Platform) -> None:
    grow(platform, "round_01")

    ratio = platform.table(stage_key(1, "diversity"), "b")["ratio_to_seeds"]

    assert ratio.n_unique() == 1
    assert ratio[0] > 1  # the seeds of this test are one function, renamed


def test_every_score_keeps_the_ratings_that_it_is_the_mean_of(platform: Platform) -> None:
    grow(platform, "round_01")

    scored = platform.table(stage_key(1, "complexity"), "b")

    means = scored.select(pl.concat_list(pl.col("ratings").struct.field("*")).list.mean()).to_series()
    assert scored["ratings"].null_count() == 0
    assert scored["complexity"].to_list() == pytest.approx(means.to_list())


def test_no_key_that_a_server_echoes_is_in_any_byte_that_runs_write(
    fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an answer that becomes rows, and in an error that a run ends with."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    prepare(tmp_path / "home")
    with dg.DagsterInstance.from_config(str(tmp_path / "home" / "dagster")) as instance:
        platform = Platform(instance, {**LENIENT, "evolution": EVOLUTION})
        fake_endpoint.control(quirks=["key_echo"])
        grow(platform, "round_01", seeds=1)
        assert set(platform.table(stage_key(1, "accepted"), "b")["generator_model"]) == {"proxied with [key]"}
        fake_endpoint.control(quirks=["key_error"])
        grow(platform, seeds=2, batch="c")
        assert "upstream refused Bearer [key]" in platform.run("round_01", "c")

    for path in (path for path in (tmp_path / "home").rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data += pl.read_parquet(path).write_json().encode()
        assert CANARY.encode() not in data, path
