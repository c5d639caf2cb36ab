"""What the UI shows of a table: its first rows, and pictures of its figures. Text stays text, never markup."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from evergrow.methods.text.counts import counted
from evergrow.methods.text.svg import GREEN, LIGHT, Bar, bars
from evergrow.resources.embedding.embedder import Embedder

SAMPLE_ROWS = 5
SAMPLE_CHARS = 200
EMBEDDED = ("embedded_texts", "embedded_characters", "embedded_s")  # in figures: texts, their characters, seconds
EMBEDDED_BY = "embedded_by"


def sample(table: pl.DataFrame, *columns: str) -> dict[str, dg.MetadataValue]:
    """The first rows that were kept, as a table of the columns given."""
    rows = kept(table).select("id", *columns).head(SAMPLE_ROWS)
    short = rows.with_columns(pl.col(pl.String).str.head(SAMPLE_CHARS), pl.col(pl.Float64).round(3))
    return {"sample": dg.MetadataValue.table([dg.TableRecord(row) for row in short.to_dicts()])} if rows.height else {}


def longer_texts(embedder: Embedder, texts: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """How many of these texts, which were embedded, have more tokens than the model reads, and what became of them.

    Of an endpoint nobody knows that.
    """
    name, longer = "texts_cut" if embedder.long == "cut" else "texts_in_parts", embedder.longer(texts)
    return {} if longer is None else {name: dg.MetadataValue.int(longer)}


def embedding(embedder: Embedder) -> dict[str, dg.MetadataValue]:
    """What vectors took so far: of an endpoint what it was asked, and the cost; of this machine texts and seconds.

    Nothing where all were known.
    """
    known = {name: value for name, value in embedder.asked.items() if value is not None}
    here = embedder.computed
    if not here.texts:
        return {f"embedding_{name}": dg.MetadataValue.float(float(value)) for name, value in known.items()}
    figures = zip(EMBEDDED, (float(here.texts), float(here.chars), here.seconds), strict=True)
    return {
        EMBEDDED_BY: dg.MetadataValue.text(embedder.identity),
        **{name: dg.MetadataValue.float(value) for name, value in figures},
    }


def embedded_by(told: Mapping[str, dg.MetadataValue]) -> str | None:
    """The model whose work on this machine a materialization tells of, see `embedding`; None if it tells of none."""
    return str(told[EMBEDDED_BY].value) if {EMBEDDED_BY, *EMBEDDED} <= set(told) else None


def histogram(table: pl.DataFrame, column: str, low: float, high: float, bins: int = 9) -> dict[str, dg.MetadataValue]:
    """How often `column` lies in each of `bins` equal parts of `low` to `high`, as a picture, with its mean and spread.

    Nothing where no row has a value: a zero would be plotted as one.
    """
    values = table[column].drop_nulls()
    if values.is_empty():
        return {}
    figures = values.to_frame().select(
        mean=pl.col(column).mean(), p10=pl.col(column).quantile(0.1), p90=pl.col(column).quantile(0.9)
    )
    return {
        f"{column}_spread": image(
            spread(values, low, high, bins, column), f"{column} of {counted(values.len(), 'rows')}"
        ),
        **{f"{column}_{name}": dg.MetadataValue.float(value) for name, value in figures.row(0, named=True).items()},
    }


def spread(values: pl.Series, low: float, high: float, bins: int, name: str) -> str:
    """How many of `values` lie in each of `bins` equal parts of `low` to `high`, as SVG."""
    step = (high - low) / bins
    edges = [low + step * n for n in range(1, bins)]
    places = values.bin_intervals(edges, labels=[str(n) for n in range(bins)]).cast(pl.String)
    counts = dict(places.value_counts().iter_rows())
    rows = [
        Bar(f"{low + step * n:g} to {low + step * (n + 1):g}", [counts.get(str(n), 0)], f"{counts.get(str(n), 0):,}")
        for n in range(bins)
    ]
    return bars(rows, {name: GREEN})


def image(svg: str, what: str) -> dg.MetadataValue:
    """A picture that the UI shows inline; `what` stands in its place where it cannot be shown."""
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"![{what}](data:image/svg+xml;base64,{data})")


Figure = int | float | str | None
COMPARED = {"requests": "requests", "tokens_in": "tokens_in", "tokens_out": "tokens_out", "usd": "usd", "s": "wall_s"}


def asked(planned: Mapping[str, Figure], actual: Mapping[str, Figure]) -> dict[str, Any]:
    """What was expected of asking models and what it was: first as a picture, then all figures.

    Args:
        planned: a forecast's metadata, `planned_requests` and so on.
        actual: the engine's summary.
    """
    expected = {name: planned.get(f"planned_{name}") for name in COMPARED}
    came = {name: actual.get(own) for name, own in COMPARED.items()}
    return {**against(expected, came), **planned, **actual}


def against(expected: Mapping[str, Figure], actual: Mapping[str, Figure]) -> dict[str, dg.MetadataValue]:
    """What was expected beside what it was, as a picture: two bars a measure, the longer one filling the line.

    A measure that is no number on both sides, or 0 on both, is left out.
    """
    rows = []
    for name, value in expected.items():
        came = actual.get(name)
        if not isinstance(value, int | float) or not isinstance(came, int | float) or not (most := max(value, came)):
            continue
        rows.append(Bar(f"{name}, expected", [value / most, 0], f"{value:,.4g}"))
        rows.append(Bar(f"{name}, actual", [0, came / most], f"{came:,.4g}"))
    chart = bars(rows, {"expected": LIGHT, "actual": GREEN})
    return {"plan_against_actual": image(chart, "plan against actual")} if rows else {}


def kept(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that were not rejected."""
    return table.filter(pl.col("reason").is_null()) if "reason" in table.columns else table
