"""Which children go on: value, champions, the margin over the parent, the beam (method.md A.9, E.1)."""

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

Rule = Literal["margin", "beam"]
Scope = Literal["global", "tree"]
RULES: Mapping[Rule, str] = {"margin": "below_parent", "beam": "outside_beam"}  # the reason that each gives


def value(complexity: str = "complexity", diversity: str = "diversity") -> pl.Expr:
    """`V = complexity + 10 * diversity` (paper, section 3.3): 1 to 20; null where a score is missing."""
    return pl.col(complexity) + 10.0 * pl.col(diversity)


FLOORS = ("complexity", "diversity", "value")


def screen(children: pl.DataFrame, floors: Mapping[str, float | None]) -> pl.DataFrame:
    """`children` with the reason `below_complexity`, `below_diversity` or `below_value` for each that misses a floor.

    Rows that have a reason keep it; so does a row that misses several, which gets the first.

    Args:
        children: `complexity, diversity, value, reason`.
        floors: by the name of a score, the lowest that goes on; None, or no entry: any does.
    """
    for name in FLOORS:
        lowest = floors.get(name)
        if lowest is not None:
            missed = pl.col("reason").is_null() & (pl.col(name) < lowest)
            children = children.with_columns(reason=pl.when(missed).then(pl.lit(f"below_{name}")).otherwise("reason"))
    return children


def by_solvers(children: pl.DataFrame, tried: pl.DataFrame, *, counts: bool) -> pl.DataFrame:
    """`children` with what solvers measured of those that they tried: what is not worth training on has its reason.

    Args:
        children: `id, complexity, complexity_reason, reason`.
        tried: `id, strong, weak, difficulty, below` of those whose difficulty is known.
        counts: the measured difficulty, 1 to 10, takes the place of the judge's score, and the reason says so.
    """
    known = tried.select("id", "strong", "weak", "difficulty", "below")
    joined = children.join(known, on="id", how="left", maintain_order="left").with_columns(
        reason=pl.coalesce("reason", "below")
    )
    if counts:
        said = pl.format(
            "solved by the strong solver {} of the time, by the weak one {}; judged {}: {}",
            pl.col("strong").round(2), pl.col("weak").round(2), "complexity", "complexity_reason",
        )  # fmt: skip
        measured = pl.col("difficulty").is_not_null()
        joined = joined.with_columns(
            complexity=pl.coalesce("difficulty", "complexity"),
            complexity_reason=pl.when(measured).then(said).otherwise("complexity_reason"),
        )
    return joined.drop("strong", "weak", "difficulty", "below")


def champions(children: pl.DataFrame) -> pl.DataFrame:
    """One row per tree: its child of highest complexity, the first by id among equals (method.md A.4).

    Args:
        children: `id, root_id, complexity`; children without a score cannot be champions.
    """
    return (
        children.filter(pl.col("complexity").is_not_null())
        .sort(["complexity", "id"], descending=[True, False])
        .unique("root_id", keep="first", maintain_order=True)
    )


def select(
    children: pl.DataFrame, order: Sequence[Rule], margin: float, beam: float, scope: Scope = "global"
) -> pl.DataFrame:
    """`children` with a `reason` for each that does not continue; rows that have one keep it.

    `margin`: a child's value must reach its parent's plus `margin` (paper, section 3.4); children of seeds, whose
    parents have no value, all pass. `beam`: of those still alive the best `ceil(beam * n)` by value pass, ties by id;
    `n` is counted over the batch, or over each tree. The paper states both rules and not their order: `order` does.

    Args:
        children: `id, root_id, value, parent_complexity, parent_diversity, reason`.
        order: the rules in the order in which they are applied.
        margin: in units of value; negative is lenient.
        beam: share, above 0 and up to 1.
        scope: what the share is a share of.
    """
    for rule in order:
        failed = _below_parent(margin) if rule == "margin" else _outside_beam(beam, scope)
        alive = pl.col("reason").is_null()
        children = children.with_columns(reason=pl.when(alive & failed).then(pl.lit(RULES[rule])).otherwise("reason"))
    return children


def _below_parent(margin: float) -> pl.Expr:
    bar = value("parent_complexity", "parent_diversity") + margin
    return (pl.col("value") < bar).fill_null(value=False)


def _outside_beam(beam: float, scope: Scope) -> pl.Expr:
    alive = pl.col("reason").is_null()
    group = pl.col("root_id") if scope == "tree" else pl.lit(1)
    # Rounded first: 0.1 * 30 is a little more than 3 in binary, and its ceiling would be 4.
    places = (beam * alive.sum().over(group)).round(9).ceil()
    best_first = pl.struct(-pl.col("value"), pl.col("id"))
    rank = pl.when(alive).then(best_first).rank("ordinal").over(group, alive)
    return alive & (rank > places)
