"""Whether two final answers say the same: by what they are, and for expressions by what algebra says of them."""

from collections.abc import Callable
from collections.abc import Sequence as Several
from operator import eq
from typing import Any, Literal, TypeAlias

from evergrow.methods.verification.quantities import has_words
from evergrow.methods.verification.readings import (
    INFINITY,
    Assigned,
    Based,
    Clock,
    Interval,
    Listing,
    Quantity,
    Reading,
    Relation,
    Sequence,
    Words,
    as_interval,
)
from evergrow.methods.verification.spelling import plain, value
from evergrow.methods.verification.structures import read
from evergrow.methods.verification.units import NONE, PERCENT, Unit

MAX_SYMBOLIC_CHARS = 300
How = Literal["value", "=", "<", "<=", "!="]
# Whether two expressions in plain spelling are equal ("value"), or two expressions that are compared with zero say the
# same by that comparison.
Algebra: TypeAlias = Callable[[str, str, How], bool]


def same(first: str, second: str, algebra: Algebra) -> bool:
    """Whether two final answers are equal; what only algebra can tell, `algebra` is asked."""
    one, two = plain(first), plain(second)
    if _inkless(one) == _inkless(two):
        return True
    if not one or not two:
        return False
    return _Comparison(algebra).readings(read(one), read(two))


def _inkless(text: str) -> str:
    """Without the spaces that separate no digits."""
    return "".join(
        sign
        for place, sign in enumerate(text)
        if sign != " " or (text[place - 1 : place].isdigit() and text[place + 1 : place + 2].isdigit())
    )


class _Comparison:
    """Compares readings, piece by piece; nothing of it depends on which comes first."""

    def __init__(self, algebra: Algebra) -> None:
        self._algebra = algebra
        # Of several that fit the first counts.
        self._kinds: dict[tuple[type, type], Callable[[Any, Any], bool]] = {
            (Assigned, Assigned): self._both_assigned,
            (Assigned, object): self._value_of,
            (Words, Words): eq,
            (Clock, Clock): eq,
            (Based, Based): eq,
            (Quantity, Quantity): self._quantities,
            (Based, Quantity): lambda based, other: other.amount == based.number and other.unit == NONE,
            (Sequence, Sequence): self._sequences,
            (Listing, Listing): self._listings,
            (Listing, Sequence): self._assigned_in_order,
            (Interval, Interval): self._intervals,
            (Interval, Sequence): self._interval_of,
            (Relation, Relation): self._relations,
            (Interval, Relation): lambda interval, other: bool(
                interval.relation and self._relations(interval.relation, other)
            ),
        }

    def readings(self, first: Reading, second: Reading) -> bool:
        """Whether they are equal."""
        for kinds, compare in self._kinds.items():
            for one, two in ((first, second), (second, first)):
                if isinstance(one, kinds[0]) and isinstance(two, kinds[1]):
                    return compare(one, two)
        return False

    def _both_assigned(self, first: Assigned, second: Assigned) -> bool:
        alike = first.variable == second.variable and self.readings(first.value, second.value)
        return alike or self._relations(first.relation, second.relation)

    def _interval_of(self, interval: Interval, pair: Sequence) -> bool:
        other = as_interval(pair)
        return other is not None and self._intervals(interval, other)

    def _value_of(self, assigned: Assigned, other: Reading) -> bool:
        """A value of something is the bare value; an equation may say the same as another."""
        if isinstance(other, Relation):
            return self._relations(assigned.relation, other)
        if isinstance(other, Listing) and len(other.items) > 1:
            return False
        return self.readings(assigned.value, other)

    def _quantities(self, first: Quantity, second: Quantity) -> bool:
        one, two = first.unit, second.unit
        bare = (not one.powers or not two.powers) and PERCENT not in (one, two)
        if one.powers == two.powers:
            return self._amounts(first, one, second, two)
        if {"degree": 1} in (one.powers, two.powers) and {"radian": 1} in (one.powers, two.powers):
            return self._degrees(*((first, second) if one.powers == {"degree": 1} else (second, first)))
        # The question fixes the unit of a number that has none.
        return bare and self._amounts(first, _bare(one), second, _bare(two))

    def _amounts(self, first: Quantity, one: Unit, second: Quantity, two: Unit) -> bool:
        if first.amount is not None and second.amount is not None:
            return first.amount * one.size + one.offset == second.amount * two.size + two.offset
        if one == two or one.size == two.size:
            return self.expressions(first.text, second.text)
        return self.expressions(_scaled(first.text, one), _scaled(second.text, two))

    def _degrees(self, degrees: Quantity, radians: Quantity) -> bool:
        return self.expressions(f"({degrees.text}) \\pi", f"180 ({radians.text})")

    def expressions(self, first: str, second: str) -> bool:
        """Whether two expressions are equal."""
        if _inkless(first) == _inkless(second):
            return True
        values = value(first), value(second)
        if None not in values:
            return values[0] == values[1]
        if INFINITY in (first.lstrip("+-"), second.lstrip("+-")):
            return first.lstrip("+ ") == second.lstrip("+ ")
        return self._ask(first, second, "value")

    def _relations(self, first: Relation, second: Relation) -> bool:
        if first.sign != second.sign:
            return False
        one, two = (f"({side.left})-({side.right})" for side in (first, second))
        return self._ask(one, two, first.sign)

    def _ask(self, first: str, second: str, how: How) -> bool:
        if has_words(first) or has_words(second) or max(len(first), len(second)) > MAX_SYMBOLIC_CHARS:
            return first.casefold() == second.casefold()
        return self._algebra(first, second, how)

    def _intervals(self, first: Interval, second: Interval) -> bool:
        named = {first.variable, second.variable} - {None}
        if len(named) > 1:
            same_relation = first.relation and second.relation and self._relations(first.relation, second.relation)
            return bool(same_relation)
        return (
            (first.low_in, first.high_in) == (second.low_in, second.high_in)
            and self.expressions(first.low, second.low)
            and self.expressions(first.high, second.high)
        )

    def _sequences(self, first: Sequence, second: Sequence) -> bool:
        return (
            (first.bracket, first.close, len(first.items)) == (second.bracket, second.close, len(second.items))
        ) and all(map(self.readings, first.items, second.items))

    def _listings(self, first: Listing, second: Listing) -> bool:
        if first.distinct or second.distinct:
            ones, twos = self._different(first.items), self._different(second.items)
        else:
            ones, twos = list(first.items), list(second.items)
        if len(ones) != len(twos):
            return False
        if len(_variables(ones)) > 1 or len(_variables(twos)) > 1:  # values of several: each has to be named
            return _variables(ones) == _variables(twos) and self._match(ones, twos)
        return self._match(ones, twos)

    def _different(self, items: Several[Reading]) -> list[Reading]:
        found: list[Reading] = []
        for item in items:
            if not any(self.readings(item, other) for other in found):
                found.append(item)
        return found

    def _match(self, ones: Several[Reading], twos: Several[Reading]) -> bool:
        left = list(twos)
        for one in ones:
            place = next((place for place, two in enumerate(left) if self.readings(one, two)), None)
            if place is None:
                return False
            left.pop(place)
        return True

    def _assigned_in_order(self, listing: Listing, sequence: Sequence) -> bool:
        """`x = 1, y = 2` is `(1, 2)`; the union of one interval is that interval."""
        if len(listing.items) == 1:
            return self.readings(listing.items[0], sequence)
        named = [item for item in listing.items if isinstance(item, Assigned)]
        if len({item.variable for item in named}) != len(listing.items) or sequence.bracket != "(":
            return False
        ordered = sorted(named, key=lambda item: item.variable)
        return (
            len(ordered) == len(sequence.items)
            and sequence.close == ")"
            and all(map(self.readings, [item.value for item in ordered], sequence.items))
        )


def _variables(items: Several[Reading]) -> set[str]:
    return {item.variable for item in items if isinstance(item, Assigned)}


def _bare(of: Unit) -> Unit:
    """The unit as it was written: what a number without one is taken to be in."""
    return Unit() if of.powers else of


def _scaled(text: str, of: Unit) -> str:
    return f"({text}) \\cdot \\frac{{{of.size.numerator}}}{{{of.size.denominator}}}"
