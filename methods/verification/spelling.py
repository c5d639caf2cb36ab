r"""Final answers of mathematics in one plain spelling, and the exact values of numbers.

What makes no difference: spacing, `$` around a formula, `\left`, `\dfrac`, bold marks, a full stop at the end, signs
of Unicode or of LaTeX. How a number is spelt that has one exact value makes none either: `0.5`, `.50`, `1/2`, `50\%`
and `\frac12` are equal, as are `2\frac12`, `2 1/2` and `5/2`, `0.\overline{3}` and `1/3`, `1{,}234` and `1234`.
Nothing is rounded. The decimal sign is a point.
"""

import re
from collections.abc import Callable
from fractions import Fraction

MAX_CHARS = 1_000
MAX_DIGITS = 200
MAX_EXPONENT = 400
ROW = "\x01"  # ends the row of a matrix, as `\\\\` does in LaTeX

_SIGNS = {
    "\u2212": "-",
    "\u2013": "-",
    "\u2044": "/",
    "º": "°",
    "√(": r"\sqrt(",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "∞": r"\infty ",
    "π": r"\pi ",
    "\u00d7": r"\times ",
    "÷": r"\div ",
    "·": r"\cdot ",
    "\u222a": r"\cup ",
    "∈": r"\in ",
    "±": r"\pm ",
    "∓": r"\mp ",
    "∅": r"\emptyset ",
    "≈": r"\approx ",
    "\u211d": r"\mathbb{R}",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "θ": r"\theta ",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_VULGAR = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅕": "1/5",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}


def _degrees(found: re.Match[str]) -> str:
    return f"°{(found[1] or found[2]).upper()}"


_REPLACED: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\[()\[\]]|\\(?:left|right|displaystyle|[bB]igg?[lr]?)(?![A-Za-z])\.?|\\!", ""),
        (r"([0-9])(?:\{,\}|\\,)(?=[0-9]{3}(?![0-9]))", r"\1"),
        (r"\\(?:[,;:> ]|q?quad(?![A-Za-z]))|[~\s]+", " "),
        (r"\\(?:text|mathrm|textbf|mathbf|textit|mbox|textrm|boldsymbol)[ ]?\{([^{}]*)\}", r" \1 "),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\\(?:leqslant|leq)(?![A-Za-z])|<=|=<", r"\\le "),
        (r"\\(?:geqslant|geq)(?![A-Za-z])|>=", r"\\ge "),
        (r"\\neq(?![A-Za-z])|!=", r"\\ne "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\(?:varnothing|empty)(?![A-Za-z])", r"\\emptyset "),
        (r"\\mathbb[ ]?R(?![A-Za-z])", r"\\mathbb{R}"),
        (r"\^[ ]?(?:\{[ ]?\\circ[ ]?\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])", "°"),
        (r"\\([%$€£¥])", r"\1"),
        (r"(?i)(?:°|degrees?)[ ]?(?:(c)(?:elsius)?|(f)(?:ahrenheit)?)(?![A-Za-z])", _degrees),
        (r"(?i)(?<![A-Za-z\\])negative[ ]infinity(?![A-Za-z])", r"-\\infty"),
        (r"(?i)(?<![A-Za-z\\])(?:positive[ ])?infinity(?![A-Za-z])", r"\\infty"),
        (r"\\pounds(?![A-Za-z])", "£"),
        (r"\\euro(?![A-Za-z])", "€"),
        (r"[ ]{2,}", " "),
    )
)
_AROUND = re.compile(r"(?<!\\)(\$\$?)(?!\$)(.*?)(?<![\\$])\1", re.DOTALL)
_INT = r"[0-9]+"
_FRACTION = rf"\\frac[ ]?(?:\{{[ ]?(-?{_INT})[ ]?\}}|([0-9]))[ ]?(?:\{{[ ]?({_INT})[ ]?\}}|([0-9]))"
_LATEX_VALUE = re.compile(rf"([+-]?)[ ]?([0-9]*)[ ]?{_FRACTION}")
_PLAIN_VALUE = re.compile(rf"([+-]?)[ ]?(?:({_INT})(?:[ ]|[ ]and[ ]))?({_INT})[ ]?/[ ]?({_INT})(?![0-9.])")
_DECIMAL = re.compile(r"([+-]?)[ ]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_RECURRING = re.compile(
    r"([+-]?)[ ]?([0-9]*)\.([0-9]*)(?:\\overline[ ]?\{([0-9]+)\}|\\bar[ ]?\{([0-9]+)\}|\(([0-9]+)\)"
    r"|\\dot[ ]?\{?([0-9])\}?(?:([0-9]*)\\dot[ ]?\{?([0-9])\}?)?)"
)
_DOTS = re.compile(r"([+-]?)[ ]?([0-9]*)\.([0-9]{2,})(?:\.\.\.|\\[lc]?dots|…)")
_POWER_OF_TEN = re.compile(
    r"[ ]?(?:(?:\\times|\\cdot|\*|x)[ ]?10[ ]?\^[ ]?(?:\{[ ]?(-?[0-9]+)[ ]?\}|(-?[0-9]+))|[eE]([+-]?[0-9]+))(?![0-9])"
)
_SEPARATED = re.compile(r"([+-]?[ ]?[0-9]{1,3})((?:(?:,|[ ])[0-9]{3})+)(?![0-9])(?!,)(?![ ]?/)")


def plain(final: str) -> str:
    """`final` in a plain spelling, without what makes no difference; unchanged if it is over `MAX_CHARS` long."""
    if len(final) > MAX_CHARS:
        return final
    text = _AROUND.sub(r"\2", final.strip())
    for sign, instead in _SIGNS.items():
        text = text.replace(sign, instead)
    for sign, instead in _VULGAR.items():
        text = re.sub(rf"(?<=[0-9]){sign}", f" {instead}", text).replace(sign, instead)
    text = re.sub(r"√[ ]?([0-9]+|[A-Za-z])", r"\\sqrt{\1}", text).replace("\\\\", ROW)
    text = _SUPERSCRIPT.sub(lambda found: f"^{{{found[0].translate(_SUPERSCRIPTS)}}}", text)
    for pattern, by in _REPLACED:
        text = pattern.sub(by, text)
    text = text.strip().strip("`").strip()
    while text.startswith("**") and text.endswith("**") and len(text) > 4:
        text = text[2:-2].strip()
    ends = "." if text.endswith(("..", "p.m.", "a.m.")) else ""
    return text if ends else text.rstrip(" .*`").removeprefix("**").strip()


def number(text: str) -> tuple[Fraction, str] | None:
    """The exact value of the number that `text` begins with, and what follows it; None if it begins with none."""
    if sum(map(str.isdigit, text)) > MAX_DIGITS:
        return None
    if separated := _SEPARATED.match(text):
        text = separated[1] + re.sub(r"[^0-9]", "", separated[2]) + text[separated.end() :]
    for pattern, read in _FORMS:
        if found := pattern.match(text):
            value, rest = read(found), text[found.end() :]
            return None if value is None else _scaled(value, rest)
    return None


def value(text: str) -> Fraction | None:
    """The exact value of a number in a plain spelling, a percent sign counted; None for anything else."""
    found = number(text)
    if found is None:
        return None
    rest = found[1].strip()
    if rest in ("%", "percent", "per cent"):
        return found[0] / 100
    return None if rest else found[0]


def _scaled(value: Fraction, rest: str) -> tuple[Fraction, str]:
    power = _POWER_OF_TEN.match(rest)
    exponent = int(next(group for group in power.groups() if group)) if power else 0
    if power is None or abs(exponent) > MAX_EXPONENT:
        return value, rest
    return value * Fraction(10) ** exponent, rest[power.end() :]


def _recurring(found: re.Match[str]) -> Fraction:
    sign, whole, fixed, over, bar, brackets, first, between, last = found.groups(default="")
    period = over or bar or brackets or first + between + last
    return _with_period(sign, whole, fixed, period)


def _dots(found: re.Match[str]) -> Fraction | None:
    """`0.333...` is a third: the shortest period that the digits end with, if they hold it twice."""
    sign, whole, digits = found.groups(default="")
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        if digits[-2 * length : -length] == period and (length > 1 or digits[-3:] == period * 3):
            fixed = digits
            while fixed.endswith(period):
                fixed = fixed.removesuffix(period)
            return _with_period(sign, whole, fixed, period)
    return None


def _with_period(sign: str, whole: str, fixed: str, period: str) -> Fraction:
    size = Fraction(int(whole or 0)) + Fraction(int(fixed or 0), 10 ** len(fixed))
    size += Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    return -size if sign == "-" else size


def _latex_fraction(found: re.Match[str]) -> Fraction | None:
    sign, whole, over, over_digit, under, under_digit = found.groups(default="")
    over, under = over or over_digit, under or under_digit
    if whole and over.startswith("-"):
        return None
    return _fraction(sign, whole, over, under)


def _plain_fraction(found: re.Match[str]) -> Fraction | None:
    return _fraction(*found.groups(default=""))


def _decimal(found: re.Match[str]) -> Fraction:
    return Fraction(found[1] + found[2])


def _fraction(sign: str, whole: str, over: str, under: str) -> Fraction | None:
    if not int(under):
        return None
    size = Fraction(int(whole or 0)) + Fraction(int(over), int(under))
    return -size if sign == "-" else size


_FORMS = (
    (_LATEX_VALUE, _latex_fraction),
    (_RECURRING, _recurring),
    (_DOTS, _dots),
    (_PLAIN_VALUE, _plain_fraction),
    (_DECIMAL, _decimal),
)
