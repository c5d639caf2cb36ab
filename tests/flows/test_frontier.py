"""Which tables need work, and why: what `evergrow run` makes again and what it leaves alone."""

import dagster as dg

from evergrow.assets.names import COLLECTED, SEEDS, STAGES, stage_key
from evergrow.flows.frontier import next_round_no, seeds_needed, work_needed
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, functions

EVOLUTION = {"rounds": 2, "children": 2, "margin": -10}
INSTRUCTIONS, COMPLEXITY, DIVERSITY, ACCEPTED = (stage_key(1, stage) for stage in STAGES)
ROUND = (INSTRUCTIONS, COMPLEXITY, DIVERSITY, ACCEPTED)
ALL = (SEEDS, *ROUND, *(stage_key(2, stage) for stage in STAGES), COLLECTED)


def grow(platform: Platform, *jobs: str, seeds: int = 4) -> None:
    platform.register("b", seeds)
    for job in ("seeds", *jobs):
        assert platform.run(job, "b") == ""


def needed(platform: Platform, *keys: dg.AssetKey) -> list[str | None]:
    return [work_needed(platform.instance, platform.definitions, key, "b") for key in keys]


def test_what_was_never_made_needs_work(platform: Platform) -> None:
    grow(platform)

    assert needed(platform, SEEDS, *ROUND) == [None, *["it was never made"] * 4]


def test_a_finished_batch_needs_none(platform: Platform) -> None:
    grow(platform, "round_01", "round_02", "collected")

    assert needed(platform, *ALL) == [None] * len(ALL)
    assert next_round_no(platform.instance, "b", 2) == 3


def test_another_batch_changes_nothing(platform: Platform) -> None:
    for batch in ("b", "other"):
        platform.register(batch, 2)
        assert platform.run("seeds", batch) == ""
    for job in ("round_01", "round_02", "collected"):
        for batch in ("b", "other"):
            assert platform.run(job, batch) == ""

    assert needed(platform, *ALL) == [None] * len(ALL)
    assert next_round_no(platform.instance, "b", 2) == 3


def test_a_changed_model_or_rule_touches_the_stages_that_it_rules(platform: Platform) -> None:
    grow(platform, "round_01")
    for stages, settings in (
        ({"instructions", "complexity"}, {"model": "another"}),
        ({"complexity"}, {"roles": {"judge": {"temperature": 0.5}}}),
        ({"instructions"}, {"evolution": {**EVOLUTION, "children": 3}}),
        ({"diversity"}, {"embedding": {"model": "another"}}),
        ({"accepted"}, {"evolution": {**EVOLUTION, "margin": 0.5}}),
        ({"accepted"}, {"evolution": {**EVOLUTION, "beam": 0.5}}),
        ({"accepted"}, {"evolution": {**EVOLUTION, "selection_order": ["beam", "margin"]}}),
    ):
        found = dict(zip(STAGES, needed(platform.but(**settings), *ROUND), strict=True))

        changed = "its prompt, model or rules changed"
        assert found == {stage: changed if stage in stages else None for stage in STAGES}, settings


def test_a_changed_rule_of_the_collection_touches_it_alone(platform: Platform) -> None:
    grow(platform, "round_01", "round_02", "collected")
    for rule in ({"target_rows": 3}, {"intra_tree_min_distance": 0.3}, {"rounds": 1}, {"rounds": 3}):
        other = platform.but(evolution={**EVOLUTION, **rule})

        assert needed(other, *ROUND, COLLECTED) == [*[None] * 4, "its prompt, model or rules changed"], rule


def test_a_stage_whose_input_changed_needs_work(platform: Platform) -> None:
    grow(platform, "round_01", "round_02")
    others = functions(5)
    platform.register("b", others)
    platform.run("seeds", "b")

    assert needed(platform, *ROUND) == ["evolution/seeds changed", None, None, None]
    platform.run("round_01", "b")

    first = stage_key(2, "instructions")
    assert needed(platform, *ROUND, first) == [*[None] * 4, "evolution/round_01/accepted changed"]


def test_an_input_that_was_made_again_alike_changes_nothing(platform: Platform) -> None:
    grow(platform, "round_01", "round_02")

    for job in ("seeds", "round_01"):
        platform.run(job, "b")

    assert needed(platform, *ALL[:-1]) == [None] * 9
    assert next_round_no(platform.instance, "b", 2) == 3


def test_seeds_that_were_replaced_are_to_be_loaded(platform: Platform) -> None:
    platform.register("b", 4)
    assert seeds_needed(platform.instance, platform.registry, "b") == "it was never made"
    platform.run("seeds", "b")
    assert seeds_needed(platform.instance, platform.registry, "b") is None

    platform.register("b", 5)

    assert seeds_needed(platform.instance, platform.registry, "b") == "other seeds were registered"


def test_requests_that_failed_are_asked_again_and_only_those(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    impatient = platform.but(endpoints={"default": {"attempts": 1}})
    fake_endpoint.control(first={"500": 3})
    grow(impatient, "round_01")
    asked = fake_endpoint.stats()["requests"]

    assert needed(impatient, *ROUND) == ["3 requests failed", None, None, None]
    assert impatient.run("round_01", "b") == ""

    assert needed(impatient, *ROUND) == [None] * 4
    rejected = impatient.table(INSTRUCTIONS, "b", rows="rejected").height
    assert fake_endpoint.stats()["requests"] - asked == 2 * 3 - rejected


def test_a_refusal_is_an_answer_and_not_asked_again(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(first={"refuse": 2})
    grow(platform, "round_01")

    assert needed(platform, *ROUND) == [None] * 4


def test_a_failed_gate_needs_work_at_its_stage(platform: Platform) -> None:
    strict = platform.but(gates={**LENIENT["gates"], "complexity": {"min_mean": 10}})
    strict.register("b", 3)
    strict.run("seeds", "b")
    strict.run("round_01", "b")

    assert needed(strict, *ROUND) == [None, "its gate is FAILED", *["it was never made"] * 2]


def test_a_gate_that_judged_an_older_version_or_none_needs_work(platform: Platform) -> None:
    grow(platform)
    platform.run("round_01", "b", [INSTRUCTIONS])
    platform.run_unchecked("b", COMPLEXITY)
    assert needed(platform, COMPLEXITY) == ["its gate is MISSING"]

    assert platform.run("round_01", "b") == ""
    platform.run_unchecked("b", ACCEPTED)
    assert needed(platform, *ROUND) == [None, None, None, "its gate is STALE"]


def test_a_gate_whose_thresholds_changed_judges_again(platform: Platform) -> None:
    grow(platform, "round_01")
    gates = {**LENIENT["gates"], "accepted": {"min_share": 0.9}}
    stricter = platform.but(gates=gates)

    assert needed(stricter, *ROUND) == [None, None, None, "the thresholds of its gate changed"]
    assert "accepted_gate" in stricter.run("round_01", "b", [ACCEPTED])
    assert needed(platform, ACCEPTED) == ["its gate is FAILED"]


def test_a_round_is_not_done_while_a_stage_of_it_is_behind(platform: Platform) -> None:
    """A round that is made again has its old accepted children until its last stage: they start nothing."""
    grow(platform, "round_01", "round_02")
    platform.register("b", 5)
    platform.run("seeds", "b")
    assert next_round_no(platform.instance, "b", 2) == 1

    platform.run("round_01", "b", [INSTRUCTIONS])
    assert next_round_no(platform.instance, "b", 2) == 1

    platform.run("round_01", "b", [COMPLEXITY, DIVERSITY])
    assert next_round_no(platform.instance, "b", 2) == 1

    platform.run("round_01", "b", [ACCEPTED])
    assert next_round_no(platform.instance, "b", 2) == 2


def test_the_collection_leaves_out_rounds_whose_parents_are_no_more(platform: Platform) -> None:
    grow(platform, "round_01", "round_02", "collected")
    assert set(platform.table(COLLECTED, "b")["round"]) == {1, 2}
    platform.register("b", 5)
    for job in ("seeds", "round_01", "collected"):
        assert platform.run(job, "b") == ""

    assert set(platform.table(COLLECTED, "b")["round"]) == {1}
