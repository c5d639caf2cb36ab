"""Tries programs on the tests of benchmarks, in the sandbox."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evergrow.methods.evaluation.problems import Problem
from evergrow.methods.evaluation.stdin_tests import PROGRAM
from evergrow.methods.text.answers import excerpt
from evergrow.methods.verification.testing import DETAIL_CHARS, not_forged, read_fault, test_program, with_trap
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.sandbox.levels import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox

_ENDS = {"timeout": Verdict.TIMEOUT, "oom": Verdict.OOM, "crash": Verdict.CRASH, "output": Verdict.CRASH}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A program for a problem; `key` is the caller's own name of it."""

    key: str
    problem: Problem
    code: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of an attempt; `detail` is null for a pass."""

    key: str
    verdict: Verdict
    detail: str | None


def judge_attempts(
    attempts: Iterable[Attempt], sandbox: Sandbox | SandboxUnavailable, timeout_s: float | None = None
) -> Iterator[Judgement]:
    """Run each program with its problem's tests. Where there is no sandbox, nothing runs and nothing passes.

    Args:
        attempts: programs.
        sandbox: an open one, or why there is none.
        timeout_s: longest that a program may run, in place of its benchmark's own limit.
    """
    if isinstance(sandbox, SandboxUnavailable):
        detail = excerpt(str(sandbox), DETAIL_CHARS)
        yield from (Judgement(one.key, Verdict.SANDBOX_UNAVAILABLE, detail) for one in attempts)
    else:
        yield from sandbox.each(lambda one: _judge(one, sandbox, timeout_s), attempts)


def _judge(attempt: Attempt, sandbox: Sandbox, timeout_s: float | None) -> Judgement:
    problem, tests = attempt.problem, list(attempt.problem.tests)
    wall_s = timeout_s or problem.timeout_s
    code = f"{PROGRAM} = {attempt.code!r}" if problem.by_stdin else f"{problem.before}\n{attempt.code}"
    nonce = secrets.token_hex(16)
    finished = sandbox.run(test_program(code, tests, nonce), wall_s)
    if finished.outcome in _ENDS:
        return Judgement(attempt.key, _ENDS[finished.outcome], f"ended by {finished.outcome}")
    fault = read_fault(finished.stdout, tests, nonce)
    if fault is not None:
        return Judgement(attempt.key, Verdict.FAIL, fault)
    trap = secrets.token_hex(16)
    if not not_forged(sandbox.run(test_program(code, with_trap(tests), trap), 2 * wall_s).stdout, tests, trap):
        return Judgement(attempt.key, Verdict.FAIL, "a pass is claimed also where one test cannot pass")
    return Judgement(attempt.key, Verdict.PASS, None)
