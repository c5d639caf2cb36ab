r"""Reads a final answer in plain spelling: lists, brackets, matrices, relations and what they are made of.

Letters of variables, brackets and units count; how a thing is written does not: `x \ge 3` and `[3, \infty)` are one
interval, `x = 1` or `x = 2` and `\{2, 1\}` one set.
"""

import re
from collections.abc import Iterator

from evergrow.methods.verification.notations import plainer
from evergrow.methods.verification.quantities import mixed_units, quantity
from evergrow.methods.verification.readings import (
    INFINITY,
    REALS,
    Assigned,
    Interval,
    Listing,
    Quantity,
    Reading,
    Relation,
    Sequence,
    Words,
    as_interval,
)
from evergrow.methods.verification.spelling import ROW, value

MAX_ITEMS = 50
MAX_DEPTH = 6
_SAME_WORDS = {
    "no solution": (
        *("no solutions", "there is no solution", "no real solution", "empty set", "the empty set", "none"),
        *(r"\emptyset", r"\{\}", r"\{ \}"),
    ),
    "undefined": ("does not exist", "dne", "not defined"),
    "yes": ("true",),
    "no": ("false",),
    "infinitely many": ("infinitely many solutions", "infinite solutions"),
}
_ALIASES = {spelt: words for words, others in _SAME_WORDS.items() for spelt in (words, *others)}
_REALS = (
    "all real numbers",
    "all reals",
    r"\mathbb{R}",
    r"x \in \mathbb{R}",
    r"(-\infty,\infty)",
    r"(-\infty,+\infty)",
)
_NAME = r"(?:\\(?!frac|sqrt|pi\b|infty)[A-Za-z]+|[A-Za-z])(?:_(?:\{[^{}]*\}|\w))?'?"
_VARIABLE = re.compile(rf"{_NAME}(?:\([A-Za-z](?:,[ ]?[A-Za-z])*\))?|\\frac\{{d[A-Za-z]\}}\{{d[A-Za-z]\}}")
_LABEL = re.compile(r"[A-Za-z][A-Za-z ]{2,40}")
_TUPLE_OF_NAMES = re.compile(rf"\([ ]?{_NAME}(?:[ ]?,[ ]?{_NAME})+[ ]?\)")
_COMPARED = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|\\ne(?![A-Za-z])|\\approx|[<>=]")
_IN = re.compile(rf"({_NAME})[ ]?\\in(?![A-Za-z])[ ]?(.+)")
_JOINTS = re.compile(r"(?:,[ ]?)?(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|[,;]|\\(?:cup|vee|lor|wedge|land)(?![A-Za-z])")
_MATRIX = re.compile(r"\\begin\{([pbBV]?matrix|array)\}(?:\{[^}]*\})?(.*)\\end\{\1\}", re.DOTALL)
_OPEN, _CLOSE = "([{", ")]}"
_BRACKETS = {
    ("(", ")"),
    ("[", "]"),
    ("[", ")"),
    ("(", "]"),
    ("]", "["),
    (r"\{", r"\}"),
    ("{", "}"),
    (r"\langle", r"\rangle"),
}


def read(text: str, depth: int = 0) -> Reading:
    """What `text`, in plain spelling, says."""
    text = plainer(text.strip())
    folded = text.casefold()
    if folded in _ALIASES:
        return Words(_ALIASES[folded])
    if folded in _REALS or text.replace(" ", "") in _REALS:
        return REALS
    if depth < MAX_DEPTH:
        for form in (_interval_words, _bracketed, _matrix, _relation, _listing):
            if (found := form(text.strip(), depth)) is not None:
                return found
    return quantity(text.strip())


def parts(text: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """The parts of `text` between what `pattern` finds outside of all brackets, each with what was found after it."""
    depth, start, at = 0, 0, 0
    while at < len(text):
        if text[at] in _OPEN:
            depth += 1
        elif text[at] in _CLOSE:
            depth -= 1
        elif depth == 0 and (found := pattern.match(text, at)) and found.end() > at:
            yield text[start:at].strip(), found[0].strip()
            start = at = found.end()
            continue
        at += 2 if text[at] == "\\" and at + 1 < len(text) and text[at + 1] not in "{}" else 1
    yield text[start:].strip(), ""


def _interval_words(text: str, depth: int) -> Reading | None:
    """`x \\in ...`: what it is in, of this variable."""
    found = _IN.fullmatch(text)
    if found is None:
        return None
    inside = read(found[2], depth + 1)
    return _of_variable(found[1], inside)


def _of_variable(variable: str, inside: Reading) -> Reading:
    if isinstance(inside, Interval):
        return Interval(variable, inside.low, inside.low_in, inside.high, inside.high_in)
    if isinstance(inside, Sequence) and (interval := as_interval(inside)):
        return _of_variable(variable, interval)
    if isinstance(inside, Listing):
        return Listing(tuple(_of_variable(variable, item) for item in inside.items), inside.distinct)
    if isinstance(inside, Quantity):
        return Assigned(variable, inside, Relation(variable, "=", inside.text))
    return inside


def _bracketed(text: str, depth: int) -> Reading | None:
    for opening, closing in _BRACKETS:
        if not (text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing)):
            continue
        inner = text[len(opening) : -len(closing)].strip()
        if opening != "]" and not _encloses(text):
            continue
        items = [item for item, _ in parts(inner, re.compile(r"[,;]"))]
        if len(items) > MAX_ITEMS or not all(items):
            return None
        if opening in (r"\{", "{"):
            return Listing(tuple(read(item, depth + 1) for item in items), distinct=True)
        if len(items) == 1:
            return read(inner, depth + 1) if (opening, closing) == ("(", ")") and inner else None
        signs = {"]": "(", "[": ")"} if (opening, closing) == ("]", "[") else {}
        pair = tuple(read(item, depth + 1) for item in items)
        if any(INFINITY in item for item in items) and len(pair) == 2:
            return as_interval(Sequence(signs.get(opening, opening), pair, signs.get(closing, closing)))
        return Sequence(signs.get(opening, opening), pair, signs.get(closing, closing))
    return None


def _encloses(text: str) -> bool:
    """Whether the first bracket is closed by the last one."""
    depth = 0
    bare = text.replace(r"\langle", "(").replace(r"\rangle", ")").replace(r"\{", "{").replace(r"\}", "}")
    for place, sign in enumerate(bare):
        depth += (sign in _OPEN) - (sign in _CLOSE)
        if depth == 0:
            return place == len(bare) - 1
    return False


def _matrix(text: str, depth: int) -> Reading | None:
    found = _MATRIX.fullmatch(text)
    if found is None or found[1] == "Vmatrix" or "\\begin" in found[2]:
        return None
    rows = [row for row in re.split(rf"{ROW}(?:\[[^\]]*\])?", found[2]) if row.strip()]
    cells = [[read(cell.strip(), depth + 1) for cell in row.split("&")] for row in rows[:MAX_ITEMS]]
    return Sequence("matrix", tuple(Sequence("row", tuple(row)) for row in cells))


def _listing(text: str, depth: int) -> Reading | None:
    if value(text) is not None and not re.search(r",[ ]", text):
        return None
    if re.search(r"\\(?:pm|mp)(?![A-Za-z])", text):
        upper = re.sub(r"\\mp(?![A-Za-z])", "-", re.sub(r"\\pm(?![A-Za-z])", "+", text))
        lower = re.sub(r"\\mp(?![A-Za-z])", "+", re.sub(r"\\pm(?![A-Za-z])", "-", text))
        return Listing((read(upper.lstrip("+ "), depth + 1), read(lower, depth + 1)), distinct=True)
    if mixed_units(text) is not None:
        return None
    split = list(parts(text, _JOINTS))
    items = [item for item, _ in split]
    if not 1 < len(items) <= MAX_ITEMS or not all(items):
        return None
    joints = {joint.strip(", ") for _, joint in split[:-1]} - {""}
    found = tuple(read(item, depth + 1) for item in items)
    if joints <= {"and", r"\wedge", r"\land"} and (both := _intersection(found)):
        return both
    return Listing(_completed(found), distinct=bool(joints & {r"\cup"}))


def _completed(items: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """`x = 1, 2` says `x = 1` and `x = 2`."""
    first = items[0]
    if not isinstance(first, Assigned) or not all(isinstance(item, Quantity) for item in items[1:]):
        return items
    rest = (_of_variable(first.variable, item) for item in items[1:])
    return (first, *rest)


def _intersection(items: tuple[Reading, ...]) -> Interval | None:
    """`x > 0` and `x < 1` are one interval."""
    if len(items) != 2 or not all(isinstance(item, Interval) for item in items):
        return None
    for low, high in (items, items[::-1]):
        assert isinstance(low, Interval)
        assert isinstance(high, Interval)
        if low.variable == high.variable and low.high == INFINITY and high.low == f"-{INFINITY}":
            return Interval(low.variable, low.low, low.low_in, high.high, high.high_in)
    return None


def _relation(text: str, depth: int) -> Reading | None:
    split = list(parts(text, _COMPARED))
    sides, signs = [side for side, _ in split], [sign for _, sign in split[:-1]]
    if not signs or not all(sides) or (len(list(parts(text, _JOINTS))) > 1 and not _TUPLE_OF_NAMES.fullmatch(sides[0])):
        return _set_of(sides[0], sides[1], depth) if signs == ["="] and all(sides) and _is_variable(sides[0]) else None
    signs = ["=" if sign == r"\approx" else sign for sign in signs]
    if len(sides) == 3:
        return _between(sides, signs)
    if set(signs) == {"="} and len(sides) > 2:
        return _relation(f"{sides[0]} = {sides[-1]}", depth)
    if len(sides) != 2:
        return None
    return _one_relation(sides[0], signs[0], sides[1], depth)


def _set_of(variable: str, right: str, depth: int) -> Reading | None:
    """`x = 1, 2`, where what follows the sign is a list of values of the same variable."""
    if _COMPARED.search(right):
        return None
    inside = read(right, depth + 1)
    return _of_variable(variable, inside) if isinstance(inside, Listing) else None


def _one_relation(left: str, sign: str, right: str, depth: int) -> Reading | None:
    if sign == "=":
        return _equation(left, right, depth)
    if sign == r"\ne":
        if not _is_variable(left):
            return Relation(left, "!=", right)
        below = Interval(left, f"-{INFINITY}", False, right, False)
        return Listing((below, Interval(left, right, False, INFINITY, False)), distinct=True)
    if sign in (">", r"\ge"):
        left, right, sign = right, left, {">": "<", r"\ge": r"\le"}[sign]
    closed = sign == r"\le"
    relation = Relation(left, "<=" if closed else "<", right)
    if _is_variable(left) and not _is_variable(right):
        return Interval(left, f"-{INFINITY}", False, right, closed, relation)
    if _is_variable(right) and not _is_variable(left):
        return Interval(right, left, closed, INFINITY, False, relation)
    return relation


def _equation(left: str, right: str, depth: int) -> Reading | None:
    if _TUPLE_OF_NAMES.fullmatch(left):
        return _assigned_tuple(left, read(right, depth + 1))
    if _is_variable(right) and not _is_variable(left):
        left, right = right, left
    relation = Relation(left, "=", right)
    if not _is_variable(left) or re.search(rf"(?<![A-Za-z\\]){re.escape(left)}(?![A-Za-z])", right):
        return relation
    inside = read(right, depth + 1)
    return _of_variable(left, inside) if isinstance(inside, Listing) else Assigned(_variable(left), inside, relation)


def _between(sides: list[str], signs: list[str]) -> Reading | None:
    if all(sign in (">", r"\ge") for sign in signs):
        sides, signs = sides[::-1], [{">": "<", r"\ge": r"\le"}[sign] for sign in signs[::-1]]
    if all(sign in ("<", r"\le") for sign in signs):
        return Interval(sides[1], sides[0], signs[0] == r"\le", sides[2], signs[1] == r"\le")
    if signs == ["=", "="]:
        return _one_relation(sides[0], "=", sides[2], 0)
    return None


def _assigned_tuple(left: str, right: Reading) -> Reading | None:
    names = [name for name, _ in parts(left[1:-1], re.compile(","))]
    if not isinstance(right, Sequence) or len(right.items) != len(names):
        return right if isinstance(right, Listing) else None
    pairs = zip(names, right.items, strict=True)
    return Listing(
        tuple(Assigned(n, item, Relation(n, "=", getattr(item, "text", ""))) for n, item in pairs), distinct=False
    )


def _is_variable(text: str) -> bool:
    bare = text.strip()
    return bool((_VARIABLE.fullmatch(bare) and bare not in ("e", "i")) or _LABEL.fullmatch(bare))


def _variable(text: str) -> str:
    return text.replace(" ", "") if _VARIABLE.fullmatch(text) else " ".join(text.casefold().split())
