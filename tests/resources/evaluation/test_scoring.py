"""HumanEval in the real sandbox: its own solutions pass, and nothing else does."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from evergrow.methods.evaluation.problems import read_problem
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.benchmarks import BenchmarkError
from evergrow.resources.evaluation.question_files import benchmark_names, packaged_file, read_benchmark
from evergrow.resources.evaluation.scoring import Attempt, judge_attempts
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings.dataset import SandboxSettings as Rules

NOWHERE = Path("/nonexistent")
PATIENT_S = 10.0  # this machine may be busy; what is slow is no matter of a test


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox.open(Rules(cpu_s=10, wall_s=PATIENT_S))


def rows() -> list[dict[str, str]]:
    path = packaged_file()
    assert path is not None
    return pl.read_ndjson(path).to_dicts()


def verdicts(sandbox: Sandbox, programs: dict[str, str]) -> dict[str, Verdict]:
    problems = {problem.id: problem for problem in read_benchmark(NOWHERE, "HumanEval").problems}
    attempts = (Attempt(id_, problems[id_], code) for id_, code in programs.items())
    return {one.key: one.verdict for one in judge_attempts(attempts, sandbox, PATIENT_S)}


def test_all_164_canonical_solutions_pass(sandbox: Sandbox) -> None:
    found = verdicts(sandbox, {row["task_id"]: row["prompt"] + row["canonical_solution"] for row in rows()})

    assert len(found) == 164
    assert {id_: verdict for id_, verdict in found.items() if verdict is not Verdict.PASS} == {}


def test_no_wrong_solution_passes(sandbox: Sandbox) -> None:
    wrong = {row["task_id"]: f"{row['prompt']}    return 'no such thing'\n" for row in rows()}

    assert {id_ for id_, verdict in verdicts(sandbox, wrong).items() if verdict is Verdict.PASS} == set()


def test_a_forged_pass_is_no_pass(sandbox: Sandbox) -> None:
    forged = "import inspect, os\nfor frame in inspect.stack():\n    told = frame.frame.f_locals\n"
    forged += "    if 'report' in told:\n        told['report']('passed', len(told['tests']))\n"

    assert verdicts(sandbox, {"HumanEval/0": forged}) == {"HumanEval/0": Verdict.FAIL}


def test_without_a_sandbox_nothing_passes() -> None:
    problem = read_benchmark(NOWHERE, "humaneval").problems[0]
    found = list(judge_attempts([Attempt("a", problem, "pass")], SandboxUnavailable("no namespaces")))

    assert [one.verdict for one in found] == [Verdict.SANDBOX_UNAVAILABLE]


def test_a_sandbox_that_breaks_later_fails_no_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("bwrap")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sandbox = Sandbox.open(Rules())
    program.unlink()

    assert verdicts(sandbox, {"HumanEval/0": "pass"}) == {"HumanEval/0": Verdict.SANDBOX_UNAVAILABLE}


def test_whole_programs_are_judged_by_what_they_write(sandbox: Sandbox) -> None:
    cases = json.dumps([{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10"}])
    problem = read_problem({"question_id": "q", "question_content": "Add.", "public_test_cases": cases}, 1, "lcb")
    right = "a, b = map(int, input().split())\nprint(a + b)\nraise SystemExit"
    programs = {"right": right, "wrong": "print(3)", "quiet": "def main(): pass"}
    found = judge_attempts([Attempt(name, problem, code) for name, code in programs.items()], sandbox, PATIENT_S)

    assert {one.key: one.verdict for one in found} == {
        "right": Verdict.PASS, "wrong": Verdict.FAIL, "quiet": Verdict.FAIL,
    }  # fmt: skip


def test_functions_are_judged_by_what_they_return(sandbox: Sandbox) -> None:
    row = {
        "question_content": "Join.", "starter_code": "class Solution:\n    def join(self, a, b):",
        "public_test_cases": json.dumps([{"input": "[1]\n[2]", "output": "[1, 2]"}]),
        "metadata": '{"func_name": "join"}',
    }  # fmt: skip
    problem = read_problem(row, 1, "lcb")
    equal = "class Any:\n    def __eq__(self, other): return True\n"
    programs = {
        "right": "class Solution:\n    def join(self, a, b): return a + b",
        "sly": f"{equal}class Solution:\n    def join(self, a, b): return Any()",
    }
    found = judge_attempts([Attempt(name, problem, code) for name, code in programs.items()], sandbox, PATIENT_S)

    assert {one.key: one.verdict for one in found} == {"right": Verdict.PASS, "sly": Verdict.FAIL}


def test_a_question_file_of_ones_own_is_a_benchmark_and_comes_first(tmp_path: Path) -> None:
    pl.DataFrame({"question": ["6 x 7?"], "answer": ["#### 42"]}).write_ndjson(tmp_path / "Human-Eval.jsonl")
    pl.DataFrame({"question": ["6 x 7?"], "answer": ["#### 42"]}).write_parquet(tmp_path / "gsm8k.parquet")

    assert benchmark_names(tmp_path) == ["Human-Eval", "gsm8k"]
    assert [one.answer for one in read_benchmark(tmp_path, "humaneval").problems] == ["42"]


def test_faults_of_a_file_and_unknown_names_are_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"question": "What?", "answer": "4"}\n{"question": "And?"}\n')

    with pytest.raises(BenchmarkError, match=r"odd\.jsonl.*\n?.*2.*no answer"):
        read_benchmark(tmp_path, "odd")
    with pytest.raises(BenchmarkError, match=r"no benchmark 'mbpp'; there are humaneval, odd; put a file"):
        read_benchmark(tmp_path, "mbpp")
    with pytest.raises(BenchmarkError, match=r"did you mean 'humaneval'\? there are"):
        read_benchmark(tmp_path, "human_evil")


def test_every_benchmark_that_there_is_is_named(tmp_path: Path) -> None:
    names = [f"bench{number:02d}" for number in range(30)]
    for name in names:
        (tmp_path / f"{name}.jsonl").write_text("")

    with pytest.raises(BenchmarkError, match=", ".join([*names, "humaneval"])):
        read_benchmark(tmp_path, "nope")
