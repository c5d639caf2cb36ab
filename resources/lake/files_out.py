"""Writes any table in a format of the ecosystem, chosen by the file's suffix."""

import json
from pathlib import Path

import polars as pl

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")


class UnknownFormat(Exception):  # noqa: N818 - it names what is unknown
    """The file's suffix is none that can be written."""


def require_format(target: Path) -> None:
    """Refuse a file whose suffix names no format.

    Raises:
        UnknownFormat: the suffix is not one of `SUFFIXES`.
    """
    if target.suffix not in SUFFIXES:
        raise UnknownFormat(f"{target}: write to a file that ends in one of {', '.join(SUFFIXES)}")


def write_table(frame: pl.LazyFrame, target: Path) -> int:
    """Write `frame` to `target`, whole or not at all; returns the number of rows.

    CSV has no nested values: lists and structs become JSON text there.

    Raises:
        UnknownFormat: the suffix is not one of `SUFFIXES`.
        OSError: the file cannot be written.
    """
    require_format(target)
    table = frame.collect()
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        match target.suffix:
            case ".parquet":
                table.write_parquet(part)
            case ".csv":
                table.with_columns(_as_json(c) for c, t in table.schema.items() if t.is_nested()).write_csv(part)
            case _:
                table.write_ndjson(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return table.height


def _as_json(column: str) -> pl.Expr:
    return pl.col(column).map_elements(
        lambda value: json.dumps(value.to_list() if isinstance(value, pl.Series) else value), return_dtype=pl.String
    )
