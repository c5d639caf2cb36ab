"""What a level's gate looks at, per node: exclusive values, covered pivots, dimensions used once, fan-out."""

from typing import Any

import polars as pl

from evergrow.methods.text.fold import fold

SCHEMA = {
    "repeated_values": pl.Int64,
    "uncovered_pivots": pl.Int64,
    "reused_dimension": pl.Int64,
    "fan_out": pl.Int64,
}


def split_checks(level: pl.DataFrame) -> pl.DataFrame:
    """One row per node of `level`, in its order; null where a node does not divide.

    Returns:
        `repeated_values` (values that say the same as another of the split), `uncovered_pivots` (pivots that have none
        of the values, or several), `reused_dimension` (1 if an ancestor was divided by the same), `fan_out` (children).
    """
    columns = ("state", "path", "split_dimension", "split_values", "split_listed", "split_source", "groups", "pivots")
    rows = [_checks(row) for row in level.select(columns).iter_rows(named=True)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _checks(row: dict[str, Any]) -> tuple[int | None, int | None, int | None, int | None]:
    if row["state"] != "inner":
        return None, None, None, None
    values = row["split_values"]
    repeated = len(values) - len({fold(value) for value in values})
    used = {fold(edge["dimension"]) for edge in row["path"]}
    uncovered = None
    if row["split_source"] == "model":
        owners = [number for group in row["groups"] for number in group["pivots"]]
        uncovered = sum(owners.count(number) != 1 for number in range(len(row["pivots"])))
    return repeated, uncovered, int(fold(row["split_dimension"]) in used), 1 if row["split_listed"] else len(values)
