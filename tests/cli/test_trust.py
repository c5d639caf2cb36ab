"""`evergrow judge` and `evergrow evaluate`, against endpoints that know and that do not."""

import json
from pathlib import Path

import polars as pl

from evergrow.resources.evaluation.question_files import packaged_file
from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint

QUESTIONS = 2 * 88
WITHIN_S = ("--set", "evaluation.timeout_s=10")


def figures(evergrow: Evergrow, *arguments: object) -> dict[str, float | None]:
    return {row["figure"]: row["value"] for row in evergrow("judge", "show", *arguments, "--json").json}


def test_a_judge_that_knows_is_trusted_and_asked_once(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    planned = evergrow("judge", "calibrate", "--model", "expert", "--plan", "--json")
    assert planned.json[-1]["requests"] == QUESTIONS
    assert fake_endpoint.stats()["requests"] == 0

    done, again = (evergrow("judge", "calibrate", "--model", "expert", "--json") for _ in range(2))

    assert (done.code, again.code) == (0, 0), done.err
    assert fake_endpoint.stats()["requests"] == QUESTIONS
    found = figures(evergrow, "--model", "expert")
    assert found["rank_correlation"] == 1.0
    assert [found["unread"], found["injection_gain"], found["unfit_caught"]] == [0, 0, 1]
    assert {row["figure"]: row["drift"] for row in again.json}["rank_correlation"] == 0.0
    assert "judge:expert" in evergrow("cost").out
    done_with = evergrow("judge", "calibrate", "--model", "expert", "--plan", "--json")
    assert done_with.json[-1]["requests"] == 0  # the next time asks nothing, and so says the plan
    anew = evergrow("judge", "calibrate", "--model", "expert", "--plan", "--fresh", "--json")
    assert anew.json[-1]["requests"] == QUESTIONS


def test_a_judge_that_guesses_or_obeys_is_not_trusted(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    guesses = evergrow("judge", "calibrate", "--model", "dice", "--json")
    obeys = evergrow("judge", "calibrate", "--model", "expert-obeys", "--json")

    assert (guesses.code, obeys.code) == (1, 1)
    assert "rank correlation" in guesses.err
    assert "injected words" in obeys.err
    assert (figures(evergrow, "--model", "expert-obeys")["injection_gain"] or 0) > 5
    both = evergrow("judge", "show", "--model", "dice", "--against", "expert-obeys", "--json")
    assert {row["figure"]: row for row in both.json}["rank_correlation"]["difference"] > 0.5


def test_readings_that_failed_are_counted_close_the_gate_and_are_owed(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(share={"400": 1.0}, only="BANANA", error_code="content_policy_violation")
    broken = evergrow("judge", "calibrate", "--model", "expert")
    assert broken.code == 1
    assert (figures(evergrow, "--model", "expert")["unread"] or 0) > 0

    fake_endpoint.control(share={}, only="")
    asked = fake_endpoint.stats()["requests"]
    assert evergrow("judge", "calibrate", "--model", "expert").code == 0
    assert fake_endpoint.stats()["requests"] - asked < 10


def test_a_batch_that_requires_a_calibrated_judge_waits_for_it(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    require = ("--set", "gates.judge.required=true", "--set", "roles.judge.model=expert")
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0

    refused = evergrow("run", "--batch", "b", "--rounds", 1, *require)
    assert refused.code == 1
    assert "evergrow judge calibrate --model expert" in refused.err
    assert not [row for row in evergrow("cost", "--json").json if row["asset"].endswith("complexity")]
    assert evergrow("judge", "calibrate", "--model", "expert").code == 0
    assert evergrow("run", "--batch", "b", "--rounds", 1, "--set", "evolution.margin=-10", *require).code == 0


def test_names_that_no_model_can_have_are_refused(evergrow: Evergrow) -> None:
    for name in ("../../etc", "a|b", "/x", "two words", ""):
        refused = evergrow("judge", "calibrate", "--model", name)
        assert refused.code == 2, name
        assert "--model" in refused.err


def test_a_benchmark_is_answered_judged_and_compared(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    """Twelve problems of HumanEval, as a file of one's own; all 164 are tried in tests/resources/evaluation."""
    folder = tmp_path / "home" / "benchmarks"
    folder.mkdir(parents=True)
    packaged = packaged_file()
    assert packaged is not None
    pl.read_ndjson(packaged).head(12).write_ndjson(folder / "little.jsonl")
    asked = ("evaluate", "--benchmark", "little", *WITHIN_S)
    whole = evergrow("evaluate", "--benchmark", "humaneval", "--model", "expert", "--plan", "--json")
    assert whole.json[-1]["requests"] == 164
    assert fake_endpoint.stats()["requests"] == 0

    right = evergrow(*asked, "--model", "expert", "--json")
    half = evergrow(*asked, "--model", "expert-half", "--json")

    assert right.code == 0, right.err
    assert "12 requests" in right.err
    assert [right.json[0][name] for name in ("pass_at_k", "problems", "unjudged")] == [1.0, 12, 0]
    assert right.json[0]["low"] < 1
    assert half.json[0]["pass_at_k"] == 0.5
    sent = fake_endpoint.stats()["requests"]
    again = evergrow(*asked, "--model", "expert", "--k", 1, "--k", 10, "--json")
    assert "nothing has to be asked" in again.err
    assert "price" not in again.err
    assert fake_endpoint.stats()["requests"] == sent
    assert [row["pass_at_k"] for row in again.json] == [1.0, None]  # one answer tells nothing of ten
    planned = evergrow(*asked, "--model", "expert", "--n", 3, "--temperature", 0, "--plan")
    assert "12 of 36 answers are in the ledger, and are not asked for again" in planned.err
    assert "as it is asked:\n\nComplete this Python function." in planned.err
    assert "right (code): 1 test\n" in planned.err
    whole = evergrow(*asked, "--model", "expert", "--n", 3, "--temperature", 0, "--plan", "--json")
    assert whole.json[-1]["requests"] == 24
    assert fake_endpoint.stats()["requests"] == sent
    both = evergrow("evaluate", "--benchmark", "little", "--compare", "expert", "expert-half", "--json")
    assert both.json[0]["only_first"] == 6
    assert both.json[0]["mcnemar_p"] == 2 / 2**6


def test_a_question_file_of_ones_own_is_a_benchmark_and_both_stay(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / "benchmarks"
    folder.mkdir(parents=True)
    rows = [{"question": f"What is {n} times 7?", "answer": f"#### {7 * n}"} for n in range(5)]
    (folder / "tables.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "letters.jsonl").write_text(json.dumps({"question": "Which?", "choices": ["x", "y"], "answer": "B"}))

    first = evergrow("evaluate", "--benchmark", "tables", "--model", "m", "--n", 3, "--k", 1, "--k", 3, "--json")
    second = evergrow("evaluate", "--benchmark", "letters", "--model", "m", "--json")
    missing = evergrow("evaluate", "--benchmark", "nosuch", "--model", "m")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert [row["draws"] for row in first.json] == [3, 3]
    assert first.json[0]["problems"] == 5
    assert missing.code == 2
    assert "there is no benchmark 'nosuch'; there are humaneval, letters, tables; put" in missing.err
    kept = evergrow("table", "evaluation/scores", "--partition", "m", "--rows", "all", "--out", "scores.parquet")
    assert kept.code == 0, kept.err
    assert set(pl.read_parquet("scores.parquet")["benchmark"]) == {"tables", "letters"}
