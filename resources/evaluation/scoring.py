"""Tries programs on the tests of benchmarks, in the sandbox."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evergrow.methods.answering.programs import imported
from evergrow.methods.evaluation.problems import Problem
from evergrow.methods.evaluation.stdin_tests import PROGRAM
from evergrow.methods.text.answers import excerpt
from evergrow.methods.verification.testing import DETAIL_CHARS
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.sandbox.trial import Trial, shown


@dataclass(frozen=True, slots=True)
class Attempt:
    """A program for a problem; `key` is the caller's own name of it."""

    key: str
    problem: Problem
    code: str


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came of an attempt; `detail` is null for a pass."""

    key: str
    verdict: Verdict
    detail: str | None


def judge_attempts(
    attempts: Iterable[Attempt], sandbox: Sandbox | SandboxUnavailable, timeout_s: float | None = None
) -> Iterator[AttemptResult]:
    """Run each program with its problem's tests. Where there is no sandbox, nothing runs and nothing passes.

    Args:
        attempts: programs.
        sandbox: an open one, or why there is none.
        timeout_s: longest that a program may run, in place of its benchmark's own limit.
    """
    if isinstance(sandbox, SandboxUnavailable):
        yield from (_unavailable(one, sandbox) for one in attempts)
    else:
        yield from sandbox.each(lambda one: _judge(one, sandbox, timeout_s), attempts)


def _judge(attempt: Attempt, sandbox: Sandbox, timeout_s: float | None) -> AttemptResult:
    problem = attempt.problem
    code = f"{PROGRAM} = {attempt.code!r}" if problem.by_stdin else f"{problem.before}\n{attempt.code}"
    try:
        with sandbox.session(imported(attempt.code)) as session:
            ruling = Trial(code, problem.tests, session, timeout_s or problem.timeout_s).ruling()
    except SandboxUnavailable as reason:
        return _unavailable(attempt, reason)
    return AttemptResult(attempt.key, ruling.verdict, shown(ruling))


def _unavailable(attempt: Attempt, reason: SandboxUnavailable) -> AttemptResult:
    return AttemptResult(attempt.key, Verdict.SANDBOX_UNAVAILABLE, excerpt(str(reason), DETAIL_CHARS))
