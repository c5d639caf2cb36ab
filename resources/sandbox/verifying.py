"""Verifies answers that are code: runs them with their tests, and the tests on broken versions of the answers."""

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from evergrow.methods.text.answers import excerpt
from evergrow.methods.verification.mutants import mutants
from evergrow.methods.verification.testing import DETAIL_CHARS, not_forged, read_fault, test_program, with_trap
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.sandbox.levels import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Finished, Sandbox
from evergrow.resources.settings.dataset import Verification

SCHEMA = {
    "id": pl.String, "verdict": pl.String, "verdict_detail": pl.String, "tests": pl.String, "sandbox": pl.String,
}  # fmt: skip
# A broken version that takes this many times as long as the answer, and a second, never ends: that is noticed too.
MUTANT_SLOWDOWN, MUTANT_SLACK_S = 10, 1.0
_VERDICTS = {
    "timeout": (Verdict.TIMEOUT, "ran longer than it may"),
    "oom": (Verdict.OOM, "took more memory than it may"),
    "crash": (Verdict.CRASH, "was ended by a signal"),
    "output": (Verdict.CRASH, "wrote more output than it may"),
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row: its id, its program (None: it has none) and the tests of it."""

    id: str
    code: str | None
    tests: list[str]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verdict and, unless it is `PASS`, why."""

    verdict: Verdict
    detail: str | None


def verify(
    answers: pl.DataFrame,
    sandbox: Sandbox | SandboxUnavailable,
    rules: Verification,
    advance: Callable[[], None] = lambda: None,
) -> pl.DataFrame:
    """Run answers with their tests; a row is independent of all others.

    An answer passes if it passes each of its tests, and these catch enough of its broken versions: one, and the share
    `rules.min_caught` of up to `rules.mutants`. Else it is unverified: such tests would pass anything. Without a
    sandbox nothing is run, and nothing passes.

    Args:
        answers: `id` (String), `code` (String, null where the answer has no program), `tests` (List[String]).
        sandbox: an open one, or why there is none.
        rules: which tests count.
        advance: called when a row is judged.

    Returns:
        A row for each of `answers`, in their order: `id, verdict, verdict_detail` (null for a pass), `tests` (the
        text of all of them), `sandbox` (its level; null where nothing ran).
    """
    rows = (_Answer(id_, code, tests or []) for id_, code, tests in answers.select("id", "code", "tests").iter_rows())
    if isinstance(sandbox, SandboxUnavailable):
        judged = [(row, _unavailable(sandbox)) for row in rows]
    else:
        judged = []
        for one in sandbox.each(lambda row: (row, _judge(row, sandbox, rules)), rows):
            judged.append(one)
            advance()
    level = None if isinstance(sandbox, SandboxUnavailable) else sandbox.level
    records = [
        (row.id, str(one.verdict), one.detail, "\n\n".join(row.tests), level if row.code and row.tests else None)
        for row, one in judged
    ]
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


def _judge(row: _Answer, sandbox: Sandbox, rules: Verification) -> _Judged:
    if row.code is None:
        return _Judged(Verdict.FAIL, "the answer has no program")
    if not row.tests:
        return _Judged(Verdict.UNVERIFIED, "there are no tests")
    try:
        finished, fault = _try(row.code, row.tests, sandbox)
        if finished.outcome in _VERDICTS:
            verdict, detail = _VERDICTS[finished.outcome]
            return _Judged(verdict, f"the answer with its tests {detail}")
        if fault is not None:
            return _Judged(Verdict.FAIL, fault)
        return _judge_tests(row.code, row.tests, finished, sandbox, rules)
    except SandboxUnavailable as reason:
        return _unavailable(reason)


def _judge_tests(code: str, tests: list[str], finished: Finished, sandbox: Sandbox, rules: Verification) -> _Judged:
    """Whether the pass that the answer claims is true, and its tests count."""
    if not _is_truthful(code, tests, sandbox):
        return _Judged(Verdict.FAIL, "a pass is claimed also where one test cannot pass")
    broken = mutants(code, rules.mutants)
    enough = max(1, math.ceil(rules.min_caught * len(broken)))
    wall_s = MUTANT_SLACK_S + MUTANT_SLOWDOWN * finished.wall_s
    caught = 0
    for tried, mutant in enumerate(broken, 1):
        caught += _try(mutant, tests, sandbox, wall_s)[1] is not None
        if caught >= enough:
            return _Judged(Verdict.PASS, None)
        if caught + len(broken) - tried < enough:
            return _Judged(
                Verdict.UNVERIFIED,
                f"the tests catch {caught} of {tried} broken versions, of {len(broken)} they must catch {enough}",
            )
    return _Judged(Verdict.UNVERIFIED, "the program has nothing that could be broken to try its tests on")


def _is_truthful(code: str, tests: list[str], sandbox: Sandbox) -> bool:
    """Whether an answer that claims a pass does not claim one of a test that cannot pass."""
    nonce = secrets.token_hex(16)
    return not_forged(sandbox.run(test_program(code, with_trap(tests), nonce)).stdout, tests, nonce)


def _try(code: str, tests: list[str], sandbox: Sandbox, wall_s: float | None = None) -> tuple[Finished, str | None]:
    """How `code` with `tests` ended, and what is held against it."""
    nonce = secrets.token_hex(16)
    finished = sandbox.run(test_program(code, tests, nonce), wall_s)
    if finished.outcome in _VERDICTS:
        return finished, finished.outcome
    return finished, read_fault(finished.stdout, tests, nonce)


def _unavailable(reason: SandboxUnavailable) -> _Judged:
    return _Judged(Verdict.SANDBOX_UNAVAILABLE, excerpt(str(reason), DETAIL_CHARS))
