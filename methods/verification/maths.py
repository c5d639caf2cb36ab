"""Mathematics: which final answers are equal, and whether draws agree on one (self-consistency, Wang et al. 2023)."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from evergrow.methods.verification.agreement import Decision, agree, decide
from evergrow.methods.verification.equality import How, same

Comparison = Callable[[str, str], bool]


class NeedsAlgebraError(Exception):
    """Spelling and plain numbers do not tell whether two answers are equal."""


def verify_maths(finals: Sequence[str | None], symbolic: Comparison, min_agreement: float) -> Decision:
    """Whether the draws agree on one final answer.

    Args:
        finals: the final answer of each draw; None for a draw without a usable answer.
        symbolic: compares two answers where that takes algebra; see `equal` and its bounded form in resources.
        min_agreement: the share of draws, 0 to 1, that must be exceeded.
    """

    def alike(first: str, second: str) -> bool:
        told = told_apart(first, second)
        return symbolic(first, second) if told is None else told

    return decide(agree(finals, alike), min_agreement)


def told_apart(first: str, second: str) -> bool | None:
    """Whether two final answers are equal, as far as spelling and plain numbers tell; None if it takes algebra."""
    # Of two lists one order may meet what takes algebra before it meets what tells them apart.
    for one, two in ((first, second), (second, first)):
        with suppress(NeedsAlgebraError):
            return same(one, two, _refuse)
    return None


def equal(first: str, second: str) -> bool:
    """Whether two final answers in LaTeX or plain spelling are equal; the same in both orders.

    This may take for ever, and all memory: `resources/symbolic.py` calls it where that does no harm.
    """
    from evergrow.methods.verification.algebra import equal_expressions  # noqa: PLC0415 - sympy loads for half a second

    return same(first, second, equal_expressions)


def _refuse(_first: str, _second: str, _how: How) -> bool:
    raise NeedsAlgebraError
