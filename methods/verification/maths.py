"""Mathematics: which final answers are equal, and whether draws agree on one (self-consistency, Wang et al. 2023)."""

from collections.abc import Callable, Sequence

from evergrow.methods.verification.agreement import Decision, agree, decide
from evergrow.methods.verification.finals import has_words, plain, value

MAX_SYMBOLIC_CHARS = 300

Comparison = Callable[[str, str], bool]


def verify_maths(finals: Sequence[str | None], symbolic: Comparison, min_agreement: float) -> Decision:
    """Whether the draws agree on one final answer.

    Args:
        finals: the final answer of each draw; None for a draw without a usable answer.
        symbolic: compares two expressions that are spelt differently; see `equal` and its bounded form in resources.
        min_agreement: the share of draws, 0 to 1, that must be exceeded.
    """

    def same(first: str, second: str) -> bool:
        told = told_apart(first, second)
        return symbolic(plain(first), plain(second)) if told is None else told

    return decide(agree(finals, same), min_agreement)


def told_apart(first: str, second: str) -> bool | None:
    """Whether two final answers are equal, as far as their spelling and plain numbers tell; None if it takes algebra.

    Words, such as names of days, are equal only if they are spelt alike: algebra would take their letters for factors.
    """
    one, two = plain(first), plain(second)
    if one.replace(" ", "") == two.replace(" ", ""):
        return True
    values = value(one), value(two)
    if None not in values:
        return values[0] == values[1]
    if has_words(one) or has_words(two):
        return one.casefold() == two.casefold()
    return None if max(len(one), len(two)) <= MAX_SYMBOLIC_CHARS else False


def equal(first: str, second: str) -> bool:
    """Whether two expressions in LaTeX or plain spelling are equal, by math-verify and sympy.

    Sets, and lists without brackets, are equal in any order, decimals to six places. This may take for ever, and all
    memory: `resources/symbolic.py` calls it where that does no harm.
    """
    from math_verify import LatexExtractionConfig, parse, verify  # noqa: PLC0415 - sympy takes half a second to load

    # Only as LaTeX: its other way of reading has Python evaluate the text.
    one, two = (
        parse(f"${text}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None)
        for text in (first, second)
    )
    # It is not symmetric: of an equation and a value, the equation has to come first.
    return any(verify(a, b, timeout_seconds=None) for a, b in ((one, two), (two, one)))
