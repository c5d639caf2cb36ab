"""What the UI shows of a table: its first rows, and the spread of a score. Text stays text: cut, and never markup."""

import dagster as dg
import polars as pl

SAMPLE_ROWS = 5
SAMPLE_CHARS = 200
BAR = 40  # characters of the longest bar


def sample(table: pl.DataFrame, *columns: str) -> dict[str, dg.MetadataValue]:
    """The first rows that were kept, as a table of the columns given."""
    rows = kept(table).select("id", *columns).head(SAMPLE_ROWS)
    short = rows.with_columns(pl.col(pl.String).str.head(SAMPLE_CHARS), pl.col(pl.Float64).round(3))
    return {"sample": dg.MetadataValue.table([dg.TableRecord(row) for row in short.to_dicts()])} if rows.height else {}


def histogram(table: pl.DataFrame, column: str, low: float, high: float, bins: int = 9) -> dict[str, dg.MetadataValue]:
    """How often `column` lies in each of `bins` equal parts of `low` to `high`, as bars of text, and its mean."""
    values = table[column].drop_nulls()
    if values.is_empty():
        return {}
    edges = [low + (high - low) * n / bins for n in range(1, bins)]
    parts = values.bin_intervals(edges, labels=[str(n) for n in range(bins)]).cast(pl.String).value_counts()
    counts = dict(parts.iter_rows())
    most = max(counts.values())
    lines = []
    for n, start in enumerate([low, *edges]):
        count = counts.get(str(n), 0)
        end = start + (high - low) / bins
        lines.append(f"{start:5.2f} to {end:5.2f} {count:>8,} {'█' * round(BAR * count / most)}")
    mean = values.mean()
    return {
        f"{column}_spread": dg.MetadataValue.md("```\n" + "\n".join(lines) + "\n```"),
        f"{column}_mean": dg.MetadataValue.float(float(mean) if isinstance(mean, int | float) else 0.0),
    }


def kept(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of a table that were not rejected."""
    return table.filter(pl.col("reason").is_null()) if "reason" in table.columns else table
