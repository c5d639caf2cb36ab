"""What a trace tells of rounds that no test of the command makes."""

from collections.abc import Iterator

import dagster as dg
import pytest

from evergrow.assets.names import DIFFICULTY, stage_key
from evergrow.flows.evolve import stages_of
from evergrow.flows.trace import trace
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform

MEASURED, ACCEPTED = stage_key(1, DIFFICULTY), stage_key(1, "accepted")


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint, vectors_at_hand: None) -> Iterator[Platform]:
    """A batch whose children a strong and a weak solver measured."""
    settings = {
        **LENIENT,
        "evolution": {"rounds": 1, "children": 2, "margin": -10, "difficulty": "both"},
        "roles": {"solver_strong": {"model": "model-1"}, "solver_weak": {"model": "novice-1"}},
        "solvers": {"draws": 2, "rows": 3},
    }
    with dg.DagsterInstance.ephemeral() as instance:
        found = Platform(instance, settings)
        found.register("b", 3)
        assert found.run("seeds", "b") == ""
        assert found.run("round_01", "b", [stage_key(1, stage) for stage in stages_of(found.settings)]) == ""
        yield found


def test_a_child_that_solvers_measured_is_told_with_that_table_its_gate_and_their_requests(platform: Platform) -> None:
    tried = platform.table(MEASURED, "b", "all").row(0, named=True)
    others = set(platform.table(ACCEPTED, "b", "all")["id"]) - set(platform.table(MEASURED, "b", "all")["id"])

    child = next(step for step in trace(platform.workspace, tried["id"], "b") if step.kind == "child")
    other = next(step for step in trace(platform.workspace, min(others), "b") if step.kind == "child")

    assert [table.table.rpartition("/")[2] for table in child.tables] == [
        *("instructions", "complexity", "diversity", "difficulty", "accepted")
    ]
    (measured,) = (table for table in child.tables if table.table == MEASURED.to_user_string())
    assert measured.gate is not None
    assert measured.gate.state == "PASSED"
    roles = [call["role"] for call in child.calls]
    assert {"generator", "judge"} < set(roles)
    assert (roles.count("solver_strong"), roles.count("solver_weak")) == (2, 2)
    assert {draw["call_id"] for draw in tried["draws"]} < {call["call_id"] for call in child.calls}
    assert {call["role"] for call in other.calls} == {"generator", "judge"}


def test_every_reading_of_a_judge_that_reads_several_times_is_named(
    fake_endpoint: FakeEndpoint, vectors_at_hand: None
) -> None:
    settings = {**LENIENT, "evolution": {"rounds": 1, "children": 1, "margin": -10, "readings": 3}}
    with dg.DagsterInstance.ephemeral() as instance:
        found = Platform(instance, settings)
        found.register("b", 2)
        assert found.run("seeds", "b") == ""
        assert found.run("round_01", "b") == ""
        child = found.table(ACCEPTED, "b", "all").row(0, named=True)
        scored = found.table(stage_key(1, "complexity"), "b", "all").filter(id=child["id"])

        step = next(step for step in trace(found.workspace, child["id"], "b") if step.kind == "child")

    calls = [call["call_id"] for call in step.calls if call["role"] == "judge"]
    assert len(set(calls)) == len(calls) == 3
    assert set(scored["reading_call_ids"][0]) == set(calls)
    assert child["judge_call_id"] in calls
