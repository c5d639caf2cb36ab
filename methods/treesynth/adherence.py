"""Whether samples have the attributes of their leaves: the judge's word on a few, and how far it can be trusted (D37).

Of every third sample that is asked about, one attribute is replaced by another value of its dimension. A judge that
looks finds it; one that says yes to everything does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl

from evergrow.methods.ask import Ask, NoAnswer, Outage
from evergrow.methods.concurrency import each
from evergrow.methods.text.fold import fold
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.samples import read_adherence, render_adherence

PLANTED_EVERY = 3
CHECKED_SCHEMA = {
    "id": pl.String,
    "adherence": pl.Float64,
    **dict.fromkeys(("adherence_reason", "judge_model", "judge_call_id", "planted"), pl.String),
    "planted_found": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class AdherenceQuestion:
    """A sample and the attributes that the judge is asked about; that at `planted` is wrong, if any."""

    id: str
    content: str
    attributes: tuple[Attribute, ...]
    others: tuple[tuple[str, ...], ...]
    planted: int | None = None


def siblings(nodes: pl.DataFrame) -> dict[str, dict[str, tuple[str, ...]]]:
    """Of each leaf, all values of each dimension on its path, by the dimension's folded name.

    nodes: `id, parent_id, state, split_dimension, split_values` of a whole tree.
    """
    columns = ("id", "parent_id", "split_dimension", "split_values")
    known = {row[0]: row[1:] for row in nodes.select(columns).iter_rows()}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for leaf in nodes.filter(pl.col("state") == "leaf")["id"]:
        above, values = known[leaf][0], dict[str, tuple[str, ...]]()
        while above is not None and above in known:
            parent, dimension, names = known[above]
            values[fold(dimension)] = tuple(names)
            above = parent
        found[leaf] = values
    return found


def chosen(
    rows: pl.DataFrame, values: Mapping[str, Mapping[str, Sequence[str]]], seed: int, most: int
) -> list[AdherenceQuestion]:
    """A random few of `rows`, drawn by `seed`, with a wrong attribute planted in every third that has another value.

    Args:
        rows: `id, leaf_id, content, attributes` of samples that are kept.
        values: all values of each dimension, by leaf and the dimension's folded name; see `siblings`.
        seed: of the tree's draws.
        most: samples that are taken.
    """
    able = rows.filter(pl.col("attributes").list.len() > 0).sort("id")
    picked = derived(seed, "adherence").sample(range(able.height), min(most, able.height))
    asked = [_asked(row, values.get(row["leaf_id"], {})) for row in able[sorted(picked)].iter_rows(named=True)]
    return [_planted(one, seed) if n % PLANTED_EVERY == PLANTED_EVERY - 1 else one for n, one in enumerate(asked)]


def _asked(row: Mapping[str, Any], values: Mapping[str, Sequence[str]]) -> AdherenceQuestion:
    attributes = tuple(Attribute(**a) for a in row["attributes"])
    others = tuple(tuple(value for value in values.get(fold(a.dimension), ()) if value != a.value) for a in attributes)
    return AdherenceQuestion(row["id"], row["content"], attributes, others)


def _planted(one: AdherenceQuestion, seed: int) -> AdherenceQuestion:
    """The same with a wrong attribute, where any dimension has another value."""
    draw = derived(seed, "planted", one.id)
    places = [place for place, values in enumerate(one.others) if values]
    if not places:
        return one
    place = draw.choice(places)
    true, wrong = one.attributes[place], draw.choice(one.others[place])
    others = tuple(value for value in one.others[place] if value != wrong)
    at = draw.randrange(len(others) + 1)
    return replace(
        one,
        attributes=(*one.attributes[:place], Attribute(true.dimension, wrong), *one.attributes[place + 1 :]),
        others=(*one.others[:place], (*others[:at], true.value, *others[at:]), *one.others[place + 1 :]),
        planted=place,
    )


async def check(asker: Ask, domain: Domain, asked: Sequence[AdherenceQuestion]) -> pl.DataFrame:
    """The judge's word on each: the columns of `CHECKED_SCHEMA`.

    `adherence` is the share of a sample's own attributes that it has, 0 to 1; null where no readable answer came (the
    reason says why) and where the planted attribute was the only one. `planted` is the wrong value, if any;
    `planted_found` whether the judge said that it is missing.
    """

    async def one(row: AdherenceQuestion) -> dict[str, Any]:
        planted = None if row.planted is None else row.attributes[row.planted].value
        known: dict[str, Any] = {"id": row.id, "planted": planted}
        shown = render_adherence(domain, row.content, row.attributes, row.others)
        try:
            told = await asker.ask("judge", shown, 0, partial(_read, len(row.attributes)))
        except Outage as outage:
            return {**known, "adherence_reason": str(outage)}
        if isinstance(told, NoAnswer):
            return {**known, "adherence_reason": told.reason}
        missing, why = told.value
        own = [place for place in range(len(row.attributes)) if place != row.planted]
        return {
            **known,
            "adherence": sum(place not in missing for place in own) / len(own) if own else None,
            "adherence_reason": why,
            "judge_model": told.model,
            "judge_call_id": told.call_id,
            "planted_found": None if row.planted is None else row.planted in missing,
        }

    return pl.DataFrame(await each(asked, one), schema=CHECKED_SCHEMA, orient="row")


def _read(attributes: int, answer: object) -> tuple[frozenset[int], str]:
    return read_adherence(answer, attributes)
