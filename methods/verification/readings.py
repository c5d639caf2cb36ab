r"""What a final answer may be: a quantity, a list, a tuple, an interval, a relation, a time of day, or words."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from evergrow.methods.verification.units import Unit

INFINITY = r"\infty"
Sign = Literal["=", "<", "<=", "!="]


@dataclass(frozen=True, slots=True)
class Words:
    """A text without a number or formula, in lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in minutes since midnight; `marked`: whether it says before or after noon."""

    minutes: Fraction
    marked: bool


@dataclass(frozen=True, slots=True)
class Based:
    """A whole number written in a base."""

    number: int


@dataclass(frozen=True, slots=True)
class Quantity:
    """An expression, in plain spelling, of a unit; `amount` where it is a number."""

    text: str
    amount: Fraction | None
    unit: Unit


@dataclass(frozen=True, slots=True)
class Sequence:
    """Things in their order, within brackets: `(1, 2)`, `[1, 2]`; rows of a matrix within `matrix`."""

    bracket: str
    items: tuple["Reading", ...]
    close: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Things in any order: `1, 2`, `1 or 2`; a set if `distinct`."""

    items: tuple["Reading", ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class Assigned:
    """The value of a variable or of a function: `x = 3`, `f(x) = 2x`."""

    variable: str
    value: "Reading"
    relation: "Relation"


@dataclass(frozen=True, slots=True)
class Relation:
    """Both sides, in plain spelling, of an equation or inequality."""

    left: str
    sign: Sign
    right: str


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, plain spellings; `variable` is what lies in it, if said."""

    variable: str | None
    low: str
    low_in: bool
    high: str
    high_in: bool
    relation: Relation | None = None


Reading: TypeAlias = Words | Clock | Based | Quantity | Sequence | Listing | Assigned | Relation | Interval

REALS = Interval(None, f"-{INFINITY}", False, INFINITY, False)


def as_interval(found: Sequence) -> Interval | None:
    """The interval that a pair within brackets may be."""
    ends = found.items
    if len(ends) != 2 or found.bracket not in ("(", "[", "]") or not all(isinstance(end, Quantity) for end in ends):
        return None
    low, high = ends
    assert isinstance(low, Quantity)
    assert isinstance(high, Quantity)
    return Interval(None, low.text, found.bracket == "[", high.text, found.close == "]")
