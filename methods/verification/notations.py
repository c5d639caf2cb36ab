r"""Notations that say the same as plainer ones: sets by a condition, bounded absolute values, numbers in words.

`\{x \mid x > 2\}` is `x > 2`, `|x - 1| \le 3` is `-2 \le x \le 4`, `seven` is `7`, `1st` is `first`.
"""

import re

from evergrow.methods.verification.spelling import value

_DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {
    **{word: number for number, word in enumerate(("zero", *_DIGITS, *_TEENS))},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
}
_SEVERAL_TENS = re.compile(rf"({'|'.join(_TENS)})[ -]({'|'.join(_DIGITS)})")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = re.compile(r"([1-9]|10)[ ]?(?:\^[ ]?\{?[ ]?)?(?:st|nd|rd|th)\}?", re.IGNORECASE)
_CONDITION = re.compile(
    r"\\?\{[ ]?([A-Za-z])[ ]?(?:\\in[ ]?(?:\\mathbb\{R\}|\\Re))?[ ]?(?:\||:|\\mid(?![A-Za-z])|\\vert)[ ]?(.+?)[ ]?\\?\}"
)
_ABSOLUTE = re.compile(
    r"(?:\||\\vert[ ]?|\\lvert[ ]?)[ ]?([A-Za-z])[ ]?(?:([+-])[ ]?([^|]+?))?[ ]?(?:\||\\vert|\\rvert)"
    r"[ ]?(<|>|\\le(?![A-Za-z])|\\ge(?![A-Za-z]))[ ]?(.+)"
)
_MIRRORED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}


def plainer(text: str) -> str:
    """`text`, in plain spelling, in the plainest notation that says the same; unchanged where it is none of these."""
    folded = text.casefold()
    if folded in _NUMBERS:
        return str(_NUMBERS[folded])
    if tens := _SEVERAL_TENS.fullmatch(folded):
        return str(_NUMBERS[tens[1]] + _NUMBERS[tens[2]])
    if ordinal := _ORDINAL.fullmatch(text):
        return _ORDINALS[int(ordinal[1]) - 1]
    condition = _CONDITION.fullmatch(text)
    if condition and re.search(rf"(?<![A-Za-z\\]){condition[1]}(?![A-Za-z])", condition[2]):
        return plainer(condition[2])
    if absolute := _ABSOLUTE.fullmatch(text):
        return _bounded(absolute) or text
    return text


def _bounded(found: re.Match[str]) -> str | None:
    """The interval, or the two, in which a variable lies whose distance to a number is bounded by another."""
    variable, sign, term, compared, bound = found.groups()
    middle, most = value(term or "0"), value(bound)
    if middle is None or most is None or most <= 0:
        return None
    middle = middle if sign == "-" else -middle
    low, high = middle - most, middle + most
    if compared in ("<", r"\le"):
        return f"{low} {compared} {variable} {compared} {high}"
    return f"{variable} {_MIRRORED[compared]} {low} or {variable} {compared} {high}"
