"""Bounds of measures of whole sets, which gates may name; see `methods.measures`."""

import difflib
from collections.abc import Collection, Mapping
from typing import Self

from pydantic import Field, model_validator

from evergrow.methods.measures.measure import OF_LEAVES, OF_REFERENCE, OF_TEXTS
from evergrow.resources.settings.section import Section


class MeasureBounds(Section):
    """Bounds of a measure of a set; a set of which nothing was measured is within none."""

    min: float | None = Field(None, allow_inf_nan=False, description="least value")
    max: float | None = Field(None, allow_inf_nan=False, description="greatest value")

    @model_validator(mode="after")
    def _bound_something(self) -> Self:
        given = self.model_dump(exclude_none=True)
        if not given:
            raise ValueError(f"names no bound: give one of {', '.join(type(self).model_fields)}")
        for name, least in given.items():
            most = given.get(name.replace("min", "max", 1))
            if name.startswith("min") and most is not None and most < least:
                raise ValueError(f"{name} {least:g} is more than {name.replace('min', 'max', 1)} {most:g}")
        return self


class SetBounds(MeasureBounds):
    """Also of what it has more than the seeds, on as many rows of both."""

    min_against_seeds: float | None = Field(None, allow_inf_nan=False, description="least difference to the seeds")
    max_against_seeds: float | None = Field(None, allow_inf_nan=False, description="greatest difference to the seeds")


class RoundBounds(SetBounds):
    """Also of what it has more than the round before; the first has the seeds before it."""

    min_against_before: float | None = Field(None, allow_inf_nan=False, description="least difference to before")
    max_against_before: float | None = Field(None, allow_inf_nan=False, description="greatest difference to before")


def of_rounds(given: object) -> object:
    """The bounds of measures that rows with seeds have; see `_known`."""
    return _known(given, {**OF_TEXTS, **OF_REFERENCE})


def of_leaves(given: object) -> object:
    """The bounds of measures that rows in the leaves of a tree have; see `_known`."""
    return _known(given, {**OF_TEXTS, **OF_LEAVES})


def _known(given: object, measures: Collection[str]) -> object:
    """`given` without what is set to nothing, which takes a bound back.

    Raises:
        ValueError: it names something that is no such measure, or compares one that is a comparison already.
    """
    if not isinstance(given, Mapping):
        return given
    for name in given:
        if name not in measures:
            near = difflib.get_close_matches(str(name), measures, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(measures)}"
            raise ValueError(f"{name!r} is no measure that can be had here; {hint}")
        bounds = given[name]
        if name not in OF_TEXTS and isinstance(bounds, Mapping) and (against := [b for b in bounds if "_against" in b]):
            raise ValueError(f"{name!r} has no difference to another set: bound it by min and max, not {against[0]}")
    return {name: bounds for name, bounds in given.items() if bounds is not None}
