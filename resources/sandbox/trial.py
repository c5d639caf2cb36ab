"""Tries a program on its tests: as they are written, and with wrong expectations, in runs that it cannot tell apart."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from evergrow.methods.answering.programs import imported
from evergrow.methods.text.answers import excerpt
from evergrow.methods.verification.expectations import Wrong, rewritten, wrong_expectation
from evergrow.methods.verification.testing import DETAIL_CHARS, Tried, fault_of, read_report, test_program
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.sandbox.sandbox import Finished, Session

_ENDS = {
    "timeout": (Verdict.TIMEOUT, "ran longer than it may"),
    "oom": (Verdict.OOM, "took more memory than it may"),
    "crash": (Verdict.CRASH, "was ended by a signal"),
    "output": (Verdict.CRASH, "wrote more output than it may"),
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and, unless it is `PASS`, why."""

    verdict: Verdict
    detail: str | None = None


class Trial:
    """A program before its tests.

    Each test is tried in two runs: in one as it is written, in the other with a wrong expectation; a draw of its own
    says in which one. Whoever does not compute the right result would have to guess which is which.

    Attributes:
        dropped: why a test does not count, by its place: it needs what is not there, or asserts nothing on its way.
        wall_s: how long a run of all tests took at most, seconds.
    """

    def __init__(self, code: str, tests: Sequence[str], session: Session, limit_s: float | None = None) -> None:
        self._code, self._tests, self._session, self._limit_s = code, list(tests), session, limit_s
        self.dropped: dict[int, str] = {}
        self.wall_s = 0.0
        draw = random.Random(0)  # noqa: S311 - a choice, not a secret
        self._right: list[str] = []
        self._wrong: list[Wrong] = []
        for place, test in enumerate(tests):
            try:
                right, wrong = rewritten(test), wrong_expectation(test, draw)
            except ValueError as fault:
                right, wrong = "pass", Wrong("pass", certain=False)
                self.dropped[place] = f"test {place + 1}, {excerpt(test)!r}: {fault}"
            self._right.append(right)
            self._wrong.append(wrong)

    @property
    def tests(self) -> list[str]:
        """Those that count."""
        return [test for place, test in enumerate(self._tests) if place not in self.dropped]

    def ruling(self) -> Ruling:
        """Run the tests; `PASS` if the program passes each that counts, and no wrong one.

        Raises:
            SandboxUnavailable: nothing can be run any more.
        """
        first = [secrets.randbits(1) == 1 for _ in self._tests]
        found: dict[tuple[int, bool], Ruling] = {}  # by place; the same whatever the draw
        for drawn in (first, [not is_wrong for is_wrong in first]):
            if (ended := self._run(drawn, found)) is not None:
                return ended
        if found:
            return found[min(found)]
        if not self.tests:
            return Ruling(Verdict.UNVERIFIED, f"no test is left: {next(iter(self.dropped.values()), 'there was none')}")
        return Ruling(Verdict.PASS)

    def notices(self, broken: str, limit_s: float) -> bool:
        """Whether the tests that count notice that another version of the program is broken."""
        tests = [text for place, text in enumerate(self._right) if place not in self.dropped]
        finished, tried = self._try(broken, tests, limit_s)
        return finished.outcome in _ENDS or tried is None or not all(one.passed for one in tried)

    def _run(self, drawn: Sequence[bool], found: dict[tuple[int, bool], Ruling]) -> Ruling | None:
        """Try each test, with a wrong expectation where `drawn` says so; note what is found; how it ended, if early."""
        each = zip(drawn, self._right, self._wrong, strict=True)
        texts = [wrong.text if is_wrong else right for is_wrong, right, wrong in each]
        finished, tried = self._try(self._code, texts, self._limit_s)
        self.wall_s = max(self.wall_s, finished.wall_s)
        if finished.outcome in _ENDS:
            verdict, why = _ENDS[finished.outcome]
            return Ruling(verdict, f"the answer with its tests {why}")
        if tried is None:
            return Ruling(Verdict.FAIL, "the program ended before all of its tests were done")
        for place, (is_wrong, one) in enumerate(zip(drawn, tried, strict=True)):
            if place not in self.dropped and (ruling := self._of_test(place, one, is_wrong=is_wrong)) is not None:
                found[place, is_wrong] = ruling
        return None

    def _of_test(self, place: int, tried: Tried, *, is_wrong: bool) -> Ruling | None:
        test, wrong = self._tests[place], self._wrong[place]
        if tried.needs and tried.loaded and tried.needs in imported(test):
            self.dropped[place] = f"test {place + 1}, {excerpt(test)!r}: needs {tried.needs}, which is not there"
        elif tried.needs:
            return Ruling(Verdict.UNVERIFIED, f"needs {tried.needs}, which the sandbox does not have ({tried.said})")
        elif not tried.loaded or not (is_wrong or tried.passed):
            return Ruling(Verdict.FAIL, fault_of(place + 1, test, tried))
        elif is_wrong and tried.passed and wrong.certain:
            why = f"a pass is claimed also where a wrong result is expected: test {place + 1}"
            return Ruling(Verdict.FAIL, f"{why}, {excerpt(wrong.text)!r}")
        elif is_wrong and tried.passed:
            self.dropped[place] = f"test {place + 1}, {excerpt(test)!r}: what it asserts is never reached"
        return None

    def _try(self, code: str, tests: Sequence[str], limit_s: float | None) -> tuple[Finished, list[Tried] | None]:
        """How `code` with `tests` ended, and what it reported."""
        nonce = secrets.token_hex(16)
        finished = self._session.run(test_program(code, tests, nonce), limit_s)
        return finished, read_report(finished.stdout, len(tests), nonce)


def shown(ruling: Ruling) -> str | None:
    """Its detail, as rows keep it."""
    return ruling.detail and excerpt(ruling.detail, 2 * DETAIL_CHARS)
