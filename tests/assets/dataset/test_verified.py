"""Verdicts by kind of task, which of them go on, and what becomes of answers that nothing could run."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from evergrow.assets.dataset.verified import COLUMNS
from evergrow.assets.names import RESPONSES, VERIFIED
from evergrow.flows.automation import Idle, next_step
from evergrow.flows.due import What
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.ledger import Ledger
from evergrow.resources.seeds.source import Seeds
from tests.conftest import FakeEndpoint
from tests.platform import Platform, functions
from tests.samples import PLAIN, SUMS, TASKS, choices, instructions


@pytest.fixture(scope="module")
def mixed(platform: Platform) -> pl.DataFrame:
    """The verdicts on sums, quizzes and plain instructions."""
    contents = [*SUMS, *choices(6), *PLAIN[6:]]
    platform.register("mixed", instructions(contents, domain=["sums"] * 8 + ["quiz"] * 6 + ["general"] * 2))
    for job in ("seeds", "responses", "verified"):
        assert platform.run(job, "mixed") == ""
    return platform.table(VERIFIED, "mixed", "all")


@pytest.fixture(scope="module")
def code(platform: Platform) -> str:
    """A batch whose instructions are answered with code."""
    platform.register("code", 3)
    for job in ("seeds", "round_01", "collected", "responses", "verified"):
        assert platform.run(job, "code") == ""
    return "code"


def test_code_passes_by_tests_that_ran_and_caught_broken_versions(platform: Platform, code: str) -> None:
    verified = platform.table(VERIFIED, code, "all")

    assert tuple(verified.columns) == COLUMNS
    assert set(verified["verdict"]) == {"pass"}
    assert verified["tests"].list.len().to_list() == [5] * verified.height
    assert verified["tests"].explode().str.starts_with("assert ").all()
    assert verified["dropped_tests"].list.len().sum() == verified["packages"].list.len().sum() == 0
    assert set(verified["sandbox"]) == {"bubblewrap"}
    assert verified.select("tester_model", "tests_call_id").null_count().sum_horizontal().item() == 0


def test_maths_and_choices_pass_where_most_draws_agree(mixed: pl.DataFrame) -> None:
    voted = mixed.filter(pl.col("task").is_in(["maths", "choice"]))

    assert (voted["verdict"] == "pass").to_list() == (voted["agreement"] > 0.5).to_list()
    assert set(voted["verdict"]) == {"pass"}
    assert voted["agreement"].n_unique() > 1
    assert mixed["id"].to_list() == [f"q{n}" for n in range(16)]


def test_what_nothing_decides_is_unverified_and_goes_on(mixed: pl.DataFrame) -> None:
    plain = mixed.filter(pl.col("task") == "text")

    assert plain.select("verdict", "reason", "agreement").unique().rows() == [("unverified", None, None)]


def test_a_verdict_that_does_not_go_on_is_the_reason(platform: Platform, mixed: pl.DataFrame) -> None:
    strict = platform.but(verification={"min_agreement": 0.6})

    assert strict.run("verified", "mixed") == ""

    every = strict.table(VERIFIED, "mixed", "all")
    failed = every.filter(pl.col("verdict") == "fail")
    assert 0 < failed.height == mixed.filter(pl.col("agreement") == 0.6).height
    assert failed["reason"].to_list() == [f"fail: {detail}" for detail in failed["verdict_detail"]]
    assert every.filter(pl.col("verdict") != "fail")["reason"].null_count() == 16 - failed.height


def test_an_outvoted_answer_gives_way_with_all_that_says_who_wrote_it(platform: Platform, mixed: pl.DataFrame) -> None:
    answers = platform.table(RESPONSES, "mixed", "all")
    both = mixed.filter(pl.col("verdict") == "pass").join(answers, on="id", suffix="_first")
    outvoted = both.filter(pl.col("response") != pl.col("response_first"))

    assert outvoted.height
    with closing(Ledger.of(platform.settings)) as ledger:
        for row in outvoted.iter_rows(named=True):
            assert row["response_first"] == row["draws"][0]["text"]
            assert row["final_answer"] != row["final_answer_first"]
            call = ledger.call(row["response_call_id"])
            assert call is not None
            assert json.loads(str(call.reply))["choices"][0]["message"]["content"] == row["response"]


def test_settings_say_which_verdicts_go_on_without_a_request(platform: Platform, mixed: pl.DataFrame) -> None:
    asked = platform.spent("mixed").calls
    lenient = platform.but(verification={"keep": {"maths": ["pass", "fail"], "choice": ["fail"], "text": ["pass"]}})

    assert lenient.run("verified", "mixed") == ""

    kept = lenient.table(VERIFIED, "mixed")
    assert kept.filter(pl.col("task") == "maths").height == 8
    assert set(kept.filter(pl.col("task") == "choice")["verdict"]) <= {"fail"}
    assert kept.filter(pl.col("task") == "text").is_empty()
    assert platform.spent("mixed").calls == asked


def test_code_that_no_sandbox_could_run_never_passes(
    platform: Platform, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        said = platform.run("verified", code)
        assert platform.due(VERIFIED, code) is None  # while there is none, the same would come of it
        idle = next_step(platform.workspace, "batch", code, "release")
        assert isinstance(idle, Idle)
        assert not idle.settled

    assert "a sandbox was there to run the answers" in said
    assert "gates.verified.max_unavailable_share" in said
    every = platform.lake.scan(platform.instance, VERIFIED, code, "all", guarded=False).collect()
    assert set(every["verdict"]) == {"sandbox_unavailable"}
    assert every["reason"].str.contains("bubblewrap is not installed").all()
    assert "verified_gate is FAILED" in platform.run("clean", code)
    owed = platform.due(VERIFIED, code)
    assert owed
    assert owed.what is What.MAKE_FAILED
    assert str(owed).startswith(f"{every.height} answers were not run for want of a sandbox, which there is now: gen")
    asked = platform.spent(code).calls
    assert platform.run("verified", code) == ""
    assert platform.spent(code).calls == asked
    assert platform.due(VERIFIED, code) is None


def test_only_what_no_sandbox_could_run_is_run_again(
    platform: Platform, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A sandbox that is there when it is tried, and fails at its third start."""
    assert platform.run("verified", code) == ""
    right = platform.table(VERIFIED, code, "all")
    third = f"mkdir {tmp_path}/1 || mkdir {tmp_path}/2 || {{ mkdir {tmp_path}/3 && exit 1; }}"
    (tmp_path / "bwrap").write_text(f'#!/bin/sh\n{{ {third}; }} 2>&-\nexec {shutil.which("bwrap")} "$@"\n')
    (tmp_path / "bwrap").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert "a sandbox was there to run the answers" in platform.run("verified", code)
    assert str(platform.due(VERIFIED, code)).startswith("1 answer was not run for want of a sandbox")

    assert platform.run("verified", code) == ""

    assert noted(latest_materialization(platform.instance, VERIFIED, code), "programs_run") == 1
    assert platform.table(VERIFIED, code, "all").equals(right)


def test_an_unavailable_sandbox_lets_nothing_on_even_where_the_gate_would_allow_it(
    platform: Platform, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lenient = platform.but(
        gates={**platform.overrides["gates"], "verified": {"max_unavailable_share": 1}},
    )
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        said = lenient.run("verified", code)

    assert "enough rows are verified" in said
    assert platform.run("verified", code) == ""


def test_tests_that_never_came_end_the_stage_and_are_asked_for_again(
    platform: Platform, endpoint: FakeEndpoint
) -> None:
    platform.register("untested", Seeds(functions(6).frame.tail(2)))
    for job in ("seeds", "round_01", "collected", "responses"):
        assert platform.run(job, "untested") == ""
    before = platform.spent("untested").calls
    endpoint.control(share={"500": 1.0})

    assert "got an answer: HTTP 500" in platform.run("verified", "untested")
    endpoint.control(share={})

    assert platform.run("verified", "untested") == ""
    assert set(platform.table(VERIFIED, "untested")["verdict"]) == {"pass"}
    assert platform.spent("untested").calls > before


def test_tests_that_cannot_be_used_are_named_and_as_many_are_asked_for_again(platform: Platform) -> None:
    careful = platform.but(answers={"tasks": {**TASKS, "careless": "code"}})
    careful.register("careless", instructions(["Weigh the parcels carelessly.", PLAIN[0]], domain="careless"))
    for job in ("seeds", "responses", "verified"):
        assert careful.run(job, "careless") == ""

    verified = careful.table(VERIFIED, "careless", "all")
    assert verified["verdict"].to_list() == ["pass", "pass"]
    assert verified["tests"].list.len().to_list() == [5, 5]
    dropped, none = verified["dropped_tests"].to_list()
    assert none == []
    assert [text.partition(":")[0] for text in dropped] == [
        "test 4, 'print(1)'",
        "test 5, 'import no_such_module assert True'",
    ]
    assert "has no assert" in dropped[0]
    assert "imports no_such_module, which is not there" in dropped[1]


def test_tests_that_nobody_added_for_a_fault_are_named_owed_and_asked_for_again(
    platform: Platform, endpoint: FakeEndpoint
) -> None:
    careful = platform.but(answers={"tasks": {**TASKS, "careless": "code"}})
    tasks = ["Weigh the crates carelessly.", "Weigh the barrels carelessly."]
    careful.register("short", instructions(tasks, domain="careless"))
    for job in ("seeds", "responses"):
        assert careful.run(job, "short") == ""
    endpoint.control(first={"422": 1}, only="that are there already")

    assert careful.run("verified", "short") == ""
    endpoint.control(first={}, only="")

    short = careful.table(VERIFIED, "short", "all").sort(pl.col("tests").list.len())
    assert short["tests"].list.len().to_list() == [3, 5]
    assert short["dropped_tests"][0].to_list()[-1].startswith("no further test: failed: ")
    assert "failed" in str(careful.due(VERIFIED, "short"))
    assert careful.run("verified", "short") == ""
    assert careful.table(VERIFIED, "short", "all")["tests"].list.len().to_list() == [5, 5]
    assert careful.due(VERIFIED, "short") is None


def test_tests_are_asked_for_once_where_the_settings_say_so(platform: Platform) -> None:
    once = platform.but(verification={"test_rounds": 1}, answers={"tasks": {**TASKS, "careless": "code"}})
    once.register("once", instructions(["Weigh the boxes carelessly."], domain="careless"))
    for job in ("seeds", "responses", "verified"):
        assert once.run(job, "once") == ""

    assert once.table(VERIFIED, "once", "all")["tests"].list.len().to_list() == [3]
