r"""Final answers of mathematics: where an answer states one, and which spellings say the same.

What makes no difference (after the normalisation of MATH, Hendrycks et al. 2021):

- spacing, `$`, `\left`, `\dfrac`, bold marks, a full stop at the end, a leading `x =`;
- how a number is spelt that has one exact value: `0.5`, `.50`, `1/2` and `\frac12` are equal, as are `2\frac12`,
  `2 1/2` and `5/2`. Nothing is rounded: `0.33` is not `1/3`;
- thousands separators: `1,234`, `1{,}234`, `1\,234` and `1 234` are 1234. The decimal sign is a point;
- a unit at the end, for the question fixes it: `\$42`, `42 dollars`, `42\text{ cm}` and `42^\circ` are 42;
- the percent sign, which counts as a unit: `50\%` is 50 and not `0.5`;
- upper and lower case of words, such as `\text{Tuesday}`; not that of variables.
"""

import re
from fractions import Fraction

MAX_CHARS = 1_000
MAX_DIGITS = 200
_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]*(?:(\{)|([^\s{}$\\]))")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_HASHES = re.compile(r"(?m)^[ \t]*####[ \t]*(\S.*)$")
_LABELLED = re.compile(r"\banswer\b[ \t*]{0,4}(?:is\b[ \t]{0,4}:?|[:=])[ \t*]{0,4}(\S.*)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(?<![\w.])-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?(?!\w)")

_WORDING = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textit|mbox)[ ]?\{([^{}]*)\}")
_WORDED_UNIT = re.compile(r"[0-9}](\s{0,4}\\(?:text|mathrm|mbox)[ ]?\{([A-Za-z /.]+)\}(?:\^\{?[23]\}?)?[\s$.]{0,4})\Z")
_NO_INK = re.compile(
    r"\\[()\[\]]|\\?[$€£¥%]|\\(?:left|right|displaystyle)(?![A-Za-z])"
    r"|\^[ ]?(?:\{[ ]?\\circ[ ]?\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])|°"
)
_SPACE = re.compile(r"\\(?:[,;:!> ]|q?quad(?![A-Za-z]))|[~\s]+")
_ANY_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_ASSIGNED = re.compile(r"[A-Za-z](?:_\{?\w\}?)?[ ]?=[ ]?(?=[^=])")
_SEPARATED = re.compile(r"([+-]?[ ]?[0-9]{1,3})((?:(?:,|\{,\}|[ ])[0-9]{3})+)(?![0-9])(?!,)")
_FRACTION = r"\\frac[ ]?(?:\{[ ]?([0-9]+)[ ]?\}|([0-9]))[ ]?(?:\{[ ]?([0-9]+)[ ]?\}|([0-9]))"
_LATEX_VALUE = re.compile(rf"([+-]?)[ ]?([0-9]*)[ ]?{_FRACTION}")
_VALUE = re.compile(r"([+-]?)[ ]?(?:(?:([0-9]+)[ ])?([0-9]+)[ ]?/[ ]?([0-9]+)|([0-9]+\.?[0-9]*|\.[0-9]+))")
_UNIT = re.compile(r"[ ]?(?:/[ ]?)?([A-Za-z]+(?:(?:[ ]|[ ]?/[ ]?)[A-Za-z]+){0,3})(?:[ ]?\^?[ ]?(?:[23]|\{[23]\}))?")
_NAME = re.compile(r"\\[A-Za-z]+|[^\W\d_]{3,}")
_FUNCTION = re.compile("sin|cos|tan|cot|sec|csc|log|exp|sqrt|max|min|gcd|lcm|mod|det|arcsin|arccos|arctan|inf|binom")
# Words after a number that are no unit, for they change its value.
_NO_UNIT = re.compile(
    r"""\b(?:
    pi|mod|and|or|to|by|of|plus|minus|times|over|sqrt|log|ln|sin|cos|tan|exp|squared|cubed|factorial|choose|remainder
    |dozen|(?:hundred|thousand)(?:ths?)?|(?:m|b|tr)illion|hal(?:f|ves)|(?:third|quarter|fourth|fifth|sixth|seventh|eighth)s?
    |(?:ninth|tenth)s?|am|pm|bc|ad|north|south|east|west|left|right|up|down|above|below|more|less|fewer|at|least|most|not
    |infinity)\b""",
    re.IGNORECASE | re.VERBOSE,
)


def boxed(text: str) -> str | None:
    r"""What the last `\boxed{...}` of `text` holds, with the braces in it; None if there is none, or it is empty."""
    found = None
    for found in _BOX.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if found is None:
        return None
    if found[2]:
        return found[2]
    depth = 1
    for brace in _BRACE.finditer(text, found.end()):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[found.end() : brace.start()].strip() or None
    return None


def final_answer(text: str, *, last_number: bool = False) -> str | None:
    r"""The final answer that `text` states: in its last `\boxed{...}`, else after its last `####`, else after its last
    "Answer:" or "the answer is".

    `last_number`: where it states none in these ways, take its last number for it. That is a guess.
    """
    if (found := boxed(text)) is not None:
        return found
    for pattern in (_HASHES, _LABELLED):
        if stated := pattern.findall(text):
            return str(stated[-1]).strip(" \t*.") or None
    numbers = _LAST_NUMBER.findall(text) if last_number else []
    return numbers[-1] if numbers else None


def plain(final: str) -> str:
    """`final` in a plain spelling, without what makes no difference; unchanged if it is over `MAX_CHARS` long."""
    if len(final) > MAX_CHARS:
        return final
    text = final.replace("\u2212", "-")
    if unit := _WORDED_UNIT.search(text):
        text = text[: unit.start(1)] if _changes_nothing(unit[2]) else text
    text = _WORDING.sub(r" \1 ", text)
    text = _SPACE.sub(" ", _NO_INK.sub("", _SPACE.sub(" ", text))).strip(" *`").rstrip(" .*`")
    text = _ANY_FRACTION.sub(r"\\frac", text)
    return text[assigned.end() :] if (assigned := _ASSIGNED.match(text)) else text


def value(text: str) -> Fraction | None:
    """The exact value of a number in a plain spelling, its unit left aside; None for anything else."""
    if sum(map(str.isdigit, text)) > MAX_DIGITS:
        return None
    if separated := _SEPARATED.match(text):
        text = separated[1] + re.sub(r"[^0-9]", "", separated[2]) + text[separated.end() :]
    for pattern, read in ((_LATEX_VALUE, _latex_value), (_VALUE, _plain_value)):
        if (found := pattern.match(text)) and _is_unit(text[found.end() :]):
            return read(found)
    return None


def has_words(text: str) -> bool:
    """Whether `text` holds words of a language, rather than symbols and functions only."""
    return any(not name.startswith("\\") and not _FUNCTION.fullmatch(name) for name in _NAME.findall(text))


def _is_unit(rest: str) -> bool:
    """Whether what follows a number is nothing, or a unit: words apart from the number, none of which changes it."""
    if not rest.strip():
        return True
    found = _UNIT.fullmatch(rest.rstrip(" ."))
    if found is None or not rest.startswith((" ", "/")):
        return False
    return _changes_nothing(found[1]) and any(len(word) > 1 for word in found[1].split())


def _changes_nothing(unit: str) -> bool:
    return _NO_UNIT.search(unit) is None


def _latex_value(found: re.Match[str]) -> Fraction | None:
    sign, whole, over, over_digit, under, under_digit = found.groups(default="")
    return _fraction(sign, whole, over or over_digit, under or under_digit)


def _plain_value(found: re.Match[str]) -> Fraction | None:
    sign, whole, over, under, decimal = found.groups(default="")
    if decimal:
        return Fraction(f"{sign}{decimal}")
    return _fraction(sign, whole, over, under)


def _fraction(sign: str, whole: str, over: str, under: str) -> Fraction | None:
    if not int(under):
        return None
    size = Fraction(int(whole or 0)) + Fraction(int(over), int(under))
    return -size if sign == "-" else size
