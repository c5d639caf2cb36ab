"""Single things that a final answer may be: numbers with their units, expressions, times of day, ratios, words."""

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from evergrow.methods.verification.readings import Based, Clock, Quantity, Reading, Sequence, Words
from evergrow.methods.verification.spelling import number
from evergrow.methods.verification.units import NONE, PERCENT, Unit, unit

_CLOCK = re.compile(
    r"([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2}))?)?[ ]?(?:(a\.?[ ]?m\.?|p\.?m\.?)|(o'clock)|(noon)|(midnight))?",
    re.IGNORECASE,
)
_RATIO = re.compile(r"[0-9.]+(?:[ ]?(?::|[ ]to[ ])[ ]?[0-9.]+)+")
_BASED = re.compile(r"([0-9A-Fa-f]+)_[ ]?(?:\{[ ]?([0-9]{1,2})[ ]?\}|([0-9]))")
_FUNCTION = re.compile(
    "sin|cos|tan|cot|sec|csc|log|exp|sqrt|max|min|gcd|lcm|mod|det|arcsin|arccos|arctan|inf|binom|sinh|cosh|tanh"
)
_LETTERS = re.compile(r"\\[A-Za-z]+|[^\W\d_]{3,}")
_MONEY = re.compile(r"([+-]?)[ ]?([$€£¥₹])[ ]?([+-]?.*)", re.DOTALL)
_PLAIN_UNITS = {"": NONE, **dict.fromkeys(("%", "percent", "per cent"), PERCENT)}
_LETTERS_ALONE = re.compile(r"(?:/[ ]?)?[A-Za-z](?:[ ]?[A-Za-z])?(?:[ ]?\^.*)?")  # may be variables
_LETTER_UNIT = re.compile(r"[mgshltNJWVAKLCc]|[m][ ]?\^[ ]?\{?[23]\}?")
_WORD = r"[^\W\d_]+"
_TAIL = re.compile(
    rf"(?<![A-Za-z\\])[ ]?(?<![A-Za-z\\])((?:{_WORD}|[°%$€£¥¢₹][CF]?)"
    rf"(?:[ ]?(?:/|\^|\\cdot|·|\*|[ ])[ ]?(?:{_WORD}|\{{?-?[1-4]\}}?|[¢$]))*)\.?$"
)
_MIXED_UNITS = re.compile(r"([0-9.]+)[ ]?([A-Za-z°'\"]+)(?:,?[ ]?and)?,?[ ]?", re.IGNORECASE)


def quantity(text: str) -> Reading:
    """What `text`, in plain spelling, says if it is a single thing; an expression without a unit if nothing else."""
    for form in _FORMS:
        if (found := form(text)) is not None:
            return found
    if has_words(text):
        return Words(" ".join(text.casefold().replace("-", " ").split()))
    return Quantity(text, None, NONE)


def has_words(text: str) -> bool:
    """Whether `text` holds words of a language, rather than symbols and functions only."""
    return any(not name.startswith("\\") and not _FUNCTION.fullmatch(name) for name in _LETTERS.findall(text))


def _money(text: str) -> Reading | None:
    found = _MONEY.fullmatch(text)
    inside = quantity(f"{found[1]}{found[3]}") if found else None
    currency = unit(found[2]) if found else None
    if isinstance(inside, Quantity) and inside.amount is not None and not inside.unit.powers and currency:
        return Quantity(inside.text, inside.amount, currency)
    return None


def _measured(text: str) -> Reading | None:
    """A number with its unit, or without."""
    found = number(text)
    if found is None:
        return None
    amount, rest = found
    of = _unit_after_number(rest)
    if of is None:
        return None
    amount *= of.scale
    return Quantity(str(amount), amount, replace(of, scale=Fraction(1)))


def _measured_expression(text: str) -> Reading | None:
    tail = _TAIL.search(text)
    of = _unit_of_expression(text, tail) if tail and tail.start() else None
    return Quantity(text[: tail.start()], None, of) if tail and of is not None else None


def _unit_of_expression(text: str, tail: re.Match[str]) -> Unit | None:
    """The degree sign after a function belongs to its argument."""
    if "°" in tail[1] and re.search(r"\\|sin|cos|tan", text):
        return None
    of = unit(tail[1], known_only=True)
    return of if of is not None and of.scale == 1 else None


def _unit_after_number(rest: str) -> Unit | None:
    """The unit; one of a single letter stands apart, and is known: `5 m`, but `5m` and `5 x` are products."""
    named = rest.strip(" .").removeprefix("-")
    if named in _PLAIN_UNITS:
        return _PLAIN_UNITS[named]
    if not rest.startswith((" ", "/", "°", "$", "€", "£", "¢", "¥", "-")):
        return unit(named, known_only=True)
    if _LETTERS_ALONE.fullmatch(named):
        return unit(named) if _LETTER_UNIT.fullmatch(named) or unit(named, known_only=True) else None
    return unit(named)


def _ratio(text: str) -> Sequence | None:
    """Terms relative to the first."""
    if not _RATIO.fullmatch(text):
        return None
    try:
        terms = [Fraction(term.strip()) for term in re.split(r":|to", text)]
    except ValueError:
        return None
    if not terms[0]:
        return None
    scaled = (Quantity(str(term / terms[0]), term / terms[0], NONE) for term in terms)
    return Sequence("ratio", tuple(scaled))


def mixed_units(text: str) -> Quantity | None:
    """`3 hours 20 minutes`, `5 ft 6 in`: a sum."""
    found = [(match[1], match[2]) for match in _MIXED_UNITS.finditer(text)]
    if len(found) < 2 or "".join(match[0] for match in _MIXED_UNITS.finditer(text)) != text:
        return None
    total, of = Fraction(0), None
    for amount, name in found:
        one = unit(name, known_only=name not in "hmsg")
        if (
            one is None
            or not one.powers
            or (of is not None and one.powers != of.powers)
            or amount.count(".") > 1
            or amount == "."
        ):
            return None
        of = Unit(Fraction(1), one.powers)
        total += Fraction(amount) * one.size
    assert of is not None
    return Quantity(str(total), total, of)


def _clock(text: str) -> Reading | None:
    if text.casefold() in ("noon", "midnight"):
        return Clock(Fraction(720 if text.casefold() == "noon" else 0), marked=True)
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second, half, _, noon, midnight = found.groups()
    if (minute is None and not (half or noon or midnight)) or int(hour) > 24 or int(minute or 0) > 59:
        return None
    after = (half or "").lower().startswith("p") or bool(noon)
    hours = int(hour) % 12 + (12 if after else 0) if half or noon or midnight else int(hour)
    marked = bool(half or noon or midnight) or int(hour) > 12 or hour.startswith("00")
    return Clock(Fraction(hours * 60 + int(minute or 0)) + Fraction(int(second or 0), 60), marked)


def _based(text: str) -> Reading | None:
    found = _BASED.fullmatch(text)
    base = int(found[2] or found[3]) if found else 0
    try:
        return Based(int(found[1], base)) if found and 2 <= base <= 36 else None
    except ValueError:
        return None


_FORMS: tuple[Callable[[str], Reading | None], ...] = (
    *(_clock, _based, _money, mixed_units, _ratio, _measured, _measured_expression),
)
