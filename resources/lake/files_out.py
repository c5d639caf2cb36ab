"""Writes any table in a format of the ecosystem, chosen by the file's suffix."""

import json
from pathlib import Path

import polars as pl

from evergrow.methods.evolution.research_records import as_records
from evergrow.resources.host.destinations import writing
from evergrow.resources.host.files import atomic_write

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".csv")
FORMULA, NUMBER = r"^[=+\-@\t\r]", r"^[+-]?[\d.]+([eE][+-]?\d+)?$"  # what spreadsheets compute, and what they only read


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

    What a format has no values for becomes text: bytes as Base64 and durations as ISO 8601 in JSONL and CSV, lists and
    structs as JSON in CSV.

    Raises:
        UnknownFormat: the suffix is not one of `SUFFIXES`.
        UnwritableError, DiskFullError: the file cannot be written.
    """
    require_format(target)
    table = frame.collect()
    part = target.with_name(f".{target.name}.part")
    with writing(target):
        try:
            _write(table, part, target.suffix)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return table.height


def _write(table: pl.DataFrame, file: Path, suffix: str) -> None:
    match suffix:
        case ".parquet":
            table.write_parquet(file)
        case ".csv":
            plain = as_plain(table)
            plain.with_columns(_as_json(c) for c, t in plain.schema.items() if t.is_nested()).write_csv(file)
        case _:
            as_plain(table).write_ndjson(file)


def formulas(file: Path) -> int:
    """Texts of a CSV file that a spreadsheet would take for formulas; they stand there as they are."""
    if file.suffix != ".csv":
        return 0
    table = pl.scan_csv(file, infer_schema=False)
    computed = pl.all().str.contains(FORMULA) & ~pl.all().str.contains(NUMBER)
    found = table.select(computed.sum()).select(pl.sum_horizontal(pl.all())).collect()
    return int(found.item() or 0)


def write_records(frame: pl.LazyFrame, target: Path) -> int:
    """Write samples as the research code of Tree-of-Evolution has them, an array of JSON; returns their number.

    Raises:
        UnknownFormat: the suffix is not .json, or the table has no samples.
        UnwritableError, DiskFullError: the file cannot be written.
    """
    if target.suffix != ".json":
        raise UnknownFormat(f"{target}: records of Tree-of-Evolution are one JSON array: write to a file .json")
    if not {"id", "content"} <= set(frame.collect_schema().names()):
        raise UnknownFormat(f"{target}: the table has no samples with `id` and `content`: take one of a round")
    records = as_records(frame.collect())
    present = [
        {name: value for name, value in row.items() if value is not None} for row in records.iter_rows(named=True)
    ]
    with writing(target):
        atomic_write(target, json.dumps(present, ensure_ascii=False, indent=2).encode())
    return records.height


def as_plain(table: pl.DataFrame) -> pl.DataFrame:
    """The table with bytes as Base64 and durations as ISO 8601, at any depth: text formats have neither."""
    return table.with_columns(
        _plain(pl.col(name), dtype).alias(name) for name, dtype in table.schema.items() if _is_odd(dtype)
    )


def _is_odd(dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return _is_odd(_inner(dtype))
    if isinstance(dtype, pl.Struct):
        return any(_is_odd(_type(field)) for field in dtype.fields)
    return isinstance(dtype, pl.Binary | pl.Duration)


def _plain(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Binary):
        return value.bin.encode("base64")
    if isinstance(dtype, pl.Duration):
        return value.dt.to_string("iso")
    if isinstance(dtype, pl.Array):
        return _plain(value.arr.to_list(), pl.List(_inner(dtype)))
    if isinstance(dtype, pl.List) and _is_odd(dtype):
        return value.list.eval(_plain(pl.element(), _inner(dtype)))
    if isinstance(dtype, pl.Struct) and _is_odd(dtype):
        fields = [_plain(value.struct.field(field.name), _type(field)).alias(field.name) for field in dtype.fields]
        return pl.when(value.is_not_null()).then(pl.struct(fields))
    return value


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    return dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()


def _type(field: pl.Field) -> pl.DataType:
    return field.dtype if isinstance(field.dtype, pl.DataType) else field.dtype()


def _as_json(column: str) -> pl.Expr:
    return pl.col(column).map_elements(
        lambda value: json.dumps(value.to_list() if isinstance(value, pl.Series) else value, default=str),
        return_dtype=pl.String,
    )
