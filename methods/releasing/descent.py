"""Which rows descend from a seed, from a model's writing, from seeds of a licence: for taking them down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from evergrow.methods.text.ids import LAST_STEP, spellings

FORGOTTEN = "forgotten: "  # how the reason begins of what is banned


@dataclass(frozen=True, slots=True)
class Banned:
    """What rows must not descend from; compared as text, licences without their case and the blanks around them."""

    seeds: Sequence[str] = ()
    models: Sequence[str] = ()
    licences: Sequence[str] = ()


def why_banned(rows: pl.DataFrame, banned: Banned, written: pl.DataFrame) -> pl.Series:
    """What a row descends from that is banned, such as `forgotten: seed '17'`; null for all others.

    A model counts where it wrote the row, its answer, or an ancestor of it. One that only judged wrote nothing of it.

    Args:
        rows: `batch, id, root_id, leaf_id, license, responder_model`.
        banned: what is.
        written: `batch, id, generator_model` of the rows and of all their ancestors.
    """
    by_model = _descendants(rows, written.filter(pl.col("generator_model").is_in(list(banned.models))))
    seed = _first(
        banned.seeds,
        "seed",
        lambda value: pl.any_horizontal(pl.col("id", "root_id", "leaf_id").is_in(spellings(value))),
    )
    answered = _first(banned.models, "model", lambda value: pl.col("responder_model") == value)
    named = pl.col("license").str.strip_chars().str.to_lowercase()
    licence = _first(banned.licences, "licence", lambda value: named == value.strip().lower())
    table = rows.with_columns(by_model=by_model)
    inherited = _first(banned.models, "model", lambda value: pl.col("by_model") == value)
    return table.with_columns(why=pl.coalesce(seed, inherited, answered, licence))["why"]


def _first(values: Sequence[str], kind: str, holds: Callable[[str], pl.Expr]) -> pl.Expr:
    found = [
        pl.when(holds(value).fill_null(value=False)).then(pl.lit(f"{FORGOTTEN}{kind} {value!r}")) for value in values
    ]
    return pl.coalesce(*found, pl.lit(None, pl.String)) if found else pl.lit(None, pl.String)


def _descendants(rows: pl.DataFrame, written: pl.DataFrame) -> pl.Series:
    """The banned model that wrote the nearest ancestor of each row, or the row itself; null where none did."""
    ways = rows.select("batch", "id", row=pl.int_range(pl.len()))
    found = []
    while ways.height and written.height:
        found.append(ways.join(written, on=["batch", "id"]).select("row", "generator_model"))
        above = ways.with_columns(id=pl.col("id").str.replace(LAST_STEP.pattern, ""))
        ways = above.filter(above["id"] != ways["id"])
    if not found:
        return pl.Series("model", [None] * rows.height, dtype=pl.String)
    nearest = pl.concat(found).unique("row", keep="first", maintain_order=True)
    every = pl.DataFrame({"row": pl.int_range(rows.height, eager=True)})
    return every.join(nearest, on="row", how="left", maintain_order="left")["generator_model"]
