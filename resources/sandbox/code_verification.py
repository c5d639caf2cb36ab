"""Verifies answers that are code: runs them with their tests, and the tests on broken versions of the answers."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from evergrow.methods.answering.programs import imported
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.counts import counted
from evergrow.methods.verification.mutants import mutants
from evergrow.methods.verification.testing import DETAIL_CHARS
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.sandbox.trial import Ruling, Trial, shown
from evergrow.resources.settings.dataset import Verification

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String, "verdict": pl.String, "verdict_detail": pl.String, "tests": pl.List(pl.String),
    "dropped_tests": pl.List(pl.String), "packages": pl.List(pl.String), "sandbox": pl.String,
}  # fmt: skip
# A broken version that takes this many times as long as the answer, and a while, never ends: that is noticed too.
MUTANT_SLOWDOWN, MUTANT_SLACK_S = 10, 0.5


@dataclass(frozen=True, slots=True)
class _Answer:
    """A row: its id, its program (None: it has none) and the tests of it."""

    id: str
    code: str | None
    tests: list[str]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A ruling, the tests that count, and why others do not; whether anything ran."""

    ruling: Ruling
    tests: list[str]
    dropped: list[str]
    ran: bool


def verify(
    answers: pl.DataFrame,
    sandbox: Sandbox | SandboxUnavailable,
    rules: Verification,
    advance: Callable[[], None] = lambda: None,
) -> pl.DataFrame:
    """Run answers with their tests; a row is independent of all others.

    An answer passes if it passes each of its tests, fails each of them with a wrong expectation, and the tests catch
    enough of its broken versions: one, and the share `rules.min_caught` of up to `rules.mutants`. Else it is
    unverified: such tests would pass anything. So it is where it needs what the sandbox does not have. Without a
    sandbox nothing is run, and nothing passes.

    Args:
        answers: `id` (String), `code` (String, null where the answer has no program), `tests` (List[String]).
        sandbox: an open one, or why there is none.
        rules: which tests count.
        advance: called when a row is judged.

    Returns:
        A row for each of `answers`, in their order: `id, verdict, verdict_detail` (null for a pass), `tests` (those
        that count), `dropped_tests` (why others do not), `packages` (that the program imports, beyond the standard
        library), `sandbox` (what confined it; null where nothing ran).
    """
    rows = (_Answer(id_, code, tests or []) for id_, code, tests in answers.select("id", "code", "tests").iter_rows())
    if isinstance(sandbox, SandboxUnavailable):
        judged = [(row, _unavailable(row, sandbox)) for row in rows]
    else:
        judged = []
        for one in sandbox.each(lambda row: (row, _judge(row, sandbox, rules)), rows):
            judged.append(one)
            advance()
    level = None if isinstance(sandbox, SandboxUnavailable) else sandbox.level
    records = [
        (
            row.id, str(one.ruling.verdict), shown(one.ruling), one.tests, one.dropped, imported(row.code or ""),
            level if one.ran else None,
        )
        for row, one in judged
    ]  # fmt: skip
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


def _judge(row: _Answer, sandbox: Sandbox, rules: Verification) -> _Judged:
    if row.code is None:
        return _Judged(Ruling(Verdict.FAIL, "the answer has no program"), row.tests, [], ran=False)
    if not row.tests:
        return _Judged(Ruling(Verdict.UNVERIFIED, "there are no tests"), [], [], ran=False)
    try:
        with sandbox.session(imported(row.code)) as session:
            trial = Trial(row.code, row.tests, session)
            ruling = trial.ruling()
            if ruling.verdict is Verdict.PASS:
                ruling = _on_broken_versions(row.code, trial, rules)
    except SandboxUnavailable as reason:
        return _unavailable(row, reason)
    return _Judged(ruling, trial.tests, list(trial.dropped.values()), ran=True)


def _on_broken_versions(code: str, trial: Trial, rules: Verification) -> Ruling:
    """Whether the tests notice that a program is broken."""
    broken = mutants(code, rules.mutants, tests=trial.tests)
    enough = max(1, math.ceil(rules.min_caught * len(broken)))
    limit_s = MUTANT_SLACK_S + MUTANT_SLOWDOWN * trial.wall_s
    caught = 0
    for number, mutant in enumerate(broken, 1):
        caught += trial.notices(mutant, limit_s)
        if caught >= enough:
            return Ruling(Verdict.PASS)
        if caught + len(broken) - number < enough:
            said = (
                f"the tests catch {caught} of {counted(number, 'broken versions')}, of {len(broken)} they must "
                f"catch {enough}"
            )
            return Ruling(Verdict.UNVERIFIED, said)
    return Ruling(Verdict.UNVERIFIED, "what the tests use has nothing that could be broken to try them on")


def _unavailable(row: _Answer, reason: SandboxUnavailable) -> _Judged:
    return _Judged(Ruling(Verdict.SANDBOX_UNAVAILABLE, excerpt(str(reason), DETAIL_CHARS)), row.tests, [], ran=False)
