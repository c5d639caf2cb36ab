r"""Algebra on expressions in plain spelling, by sympy; exact: decimals are fractions, and nothing is rounded.

It may take for ever, and all memory: `resources/symbolic.py` calls it where that does no harm. Text is only ever parsed
as LaTeX (latex2sympy), never evaluated.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evergrow.methods.verification.equality import How
from evergrow.methods.verification.spelling import ROW, number

if TYPE_CHECKING:
    import sympy

DIGITS = 60  # with which numbers are told apart
POINTS = ((3, 7), (-5, 11), (22, 13), (-41, 17), (101, 29), (-1, 3))  # where expressions of variables are compared

_FUNCTIONS = re.compile(
    r"(?<![A-Za-z\\])(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|pi|alpha|beta|theta|gcd|lcm|max"
    r"|min)(?![a-z])"
)
_SQRT = re.compile(r"(?<![A-Za-z])\\?sqrt[ ]?(?:\(([^()]*)\)|([0-9A-Za-z])(?![A-Za-z]))")
_FRACTION_DIGITS = re.compile(r"\\frac[ ]?(?:\{([^{}]*)\}|([0-9A-Za-z]))[ ]?(?:\{([^{}]*)\}|([0-9A-Za-z]))")
_DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?|\{[^{}]*\}|\\theta)°")
_DECIMAL = re.compile(
    r"(?<![0-9.])(?:[0-9]*\.[0-9]*(?:\\overline\{[0-9]+\}|\\bar\{[0-9]+\}|\([0-9]+\))|[0-9]*\.[0-9]+)"
)
_THOUSANDS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")


def equal_expressions(first: str, second: str, how: How) -> bool:
    """Whether two expressions are equal, or say the same when compared with zero; see `equality.Algebra`."""
    one, two = parsed(first), parsed(second)
    if one is None or two is None:
        return False
    if how == "value":
        return _same_value(one, two)
    return _same_zeros(one, two, how)


@lru_cache(512)
def parsed(text: str) -> Any:  # noqa: ANN401 - sympy has no types
    """The expression, matrix or set that `text` says; None if it cannot be read."""
    from latex2sympy2_extended import latex2sympy  # noqa: PLC0415 - takes half a second to load
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig  # noqa: PLC0415

    try:
        found = latex2sympy(as_latex(text), conversion_config=ConversionConfig(lowercase_symbols=False))
    except RecursionError:
        return None
    except Exception:  # noqa: BLE001 - the parser raises whatever it meets on texts that are no LaTeX
        return None
    return _with_constants(found)


def as_latex(text: str) -> str:
    r"""`text` in the LaTeX that the parser knows: braces around arguments, exact fractions, `\cdot`, `\sin`."""
    text = text.replace(ROW, "\\\\")
    text = _THOUSANDS.sub(lambda found: found[0].replace(",", ""), text)
    text = _DECIMAL.sub(_exactly, text)
    text = re.sub(r"\*\*", "^", text)
    text = re.sub(r"\*", r" \\cdot ", text)
    text = re.sub(r"\^[ ]?\(([^()]*)\)", r"^{\1}", text)
    before = None
    while before != text:
        before = text
        text = _SQRT.sub(lambda found: f"\\sqrt{{{found[1] or found[2]}}}", text)
    text = _FRACTION_DIGITS.sub(
        lambda found: f"\\frac{{{found[1] or found[2] or ''}}}{{{found[3] or found[4] or ''}}}", text
    )
    text = _DEGREES.sub(r"(\1 \\cdot \\frac{\\pi}{180})", text)
    return _FUNCTIONS.sub(r"\\\1 ", text)


def _exactly(found: re.Match[str]) -> str:
    read = number(found[0])
    exact = read[0] if read and not read[1] else Fraction(0)
    exactly = f"\\frac{{{exact.numerator}}}{{{exact.denominator}}}" if read else found[0]
    return f"{{{exactly}}}" if found.string[: found.start()].rstrip().endswith("^") else exactly


def _with_constants(found: Any) -> Any:  # noqa: ANN401
    import sympy  # noqa: PLC0415

    try:
        known = {
            symbol: {"i": sympy.I, "e": sympy.E}[symbol.name] for symbol in found.free_symbols if symbol.name in "ie"
        }
        found = found.subs(known) if known else found
        found = found.doit()
        return found.replace(lambda part: isinstance(part, sympy.UnevaluatedExpr), lambda part: part.args[0])
    except (AttributeError, TypeError):
        return found


def _same_value(one: Any, two: Any) -> bool:  # noqa: ANN401
    import sympy  # noqa: PLC0415

    matrices = isinstance(one, sympy.MatrixBase), isinstance(two, sympy.MatrixBase)
    if any(matrices):
        alike = all(matrices) and one.shape == two.shape
        return alike and all(_same_value(a, b) for a, b in zip(one, two, strict=True))
    if not (isinstance(one, sympy.Expr) and isinstance(two, sympy.Expr)):
        return bool(type(one) is type(two) and one == two)
    return one == two or _is_zero(one, two)


def _is_zero(one: "sympy.Expr", two: "sympy.Expr") -> bool:
    """Whether `one - two` is zero: refuted by numbers first, then proved; without proof, by agreement everywhere."""
    import sympy  # noqa: PLC0415

    symbols = sorted(one.free_symbols | two.free_symbols, key=lambda symbol: symbol.name)
    rationals = one.is_Rational and two.is_Rational
    if rationals:
        return bool(one == two)
    agreed = 0
    for shift in range(len(POINTS) if symbols else 1):
        at = {s: sympy.Rational(*POINTS[(place + shift) % len(POINTS)]) for place, s in enumerate(symbols)}
        agreement = _agree(one.subs(at), two.subs(at))
        if agreement is False:
            return False
        agreed += agreement is True
    difference = sympy.simplify(sympy.expand(one - two))
    if difference.is_zero is not None:
        return bool(difference.is_zero)
    if difference.is_Number:
        return bool(difference == 0)
    return agreed > (len(POINTS) // 2 if symbols else 0)


def _agree(one: "sympy.Expr", two: "sympy.Expr") -> bool | None:
    """Whether two numbers agree in `DIGITS` digits; None where one has no finite value."""
    values = [side.evalf(DIGITS + 10, maxn=4 * DIGITS) for side in (one, two)]
    if not all(side.is_number and side.is_finite for side in values):
        return None
    larger = max(abs(side) for side in values)
    return bool(abs(values[0] - values[1]) <= larger * 10**-DIGITS)


def _same_zeros(one: "sympy.Expr", two: "sympy.Expr", how: How) -> bool:
    """Whether two expressions are zero at the same places, or negative: one is a constant multiple of the other."""
    import sympy  # noqa: PLC0415

    if not (isinstance(one, sympy.Expr) and isinstance(two, sympy.Expr)):
        return False
    if how in ("=", "!="):
        one, two = (sympy.numer(sympy.together(side)) for side in (one, two))
    if two == 0 or one == 0:
        return bool(sympy.simplify(one - two) == 0)
    ratio = sympy.simplify(one / two)
    if ratio.free_symbols or not ratio.is_finite or ratio == 0:
        return False
    return how in ("=", "!=") or bool(ratio.is_positive)
