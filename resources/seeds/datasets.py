"""Reads a dataset that is to be balanced: any table with a column of texts, under names of the user's own."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evergrow.resources.seeds.file_formats import parse
from evergrow.resources.seeds.raw import RawTable, UnreadableError
from evergrow.resources.seeds.source import SeedError, SourceFault, listed, quoted

ID, TEXT = "id", "content"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A table: `rows` has `id, content`, and `given` where the file has other columns; `notes` are for the user."""

    rows: pl.DataFrame
    notes: tuple[str, ...]


def read_dataset(path: Path, text_column: str, id_column: str = ID) -> Dataset:
    """The rows of `path` (JSON, JSON lines, CSV, Parquet or Arrow): `id, content, given`, all String, in their order.

    `given` holds all other columns of a row, as a JSON object, but for those of bytes, which a note names.

    Rows without an id get the number of their row, from 1, as `row-N`.

    Raises:
        SeedError: the file cannot be read, lacks the text column, or a row lacks its text or repeats an id.
    """
    try:
        table = parse(path.read_bytes(), path.name, (text_column, id_column), (id_column,))
    except OSError as error:
        raise SeedError(str(path), [SourceFault(f"cannot be read: {error.strerror}; check the path")]) from error
    except UnreadableError as error:
        raise SeedError(str(path), [error.fault]) from error
    if table.faults and not table.frame.width:
        raise SeedError(str(path), table.faults)
    names = table.frame.columns
    if text_column not in names:
        remedy = "name the one with the texts with --text-column" if names else "it needs rows"
        raise SeedError(
            str(path), [SourceFault(f"has no column {quoted(text_column)}, only {listed(names)}: {remedy}")]
        )
    ids = pl.col(id_column).cast(pl.String) if id_column in names else pl.lit(None, pl.String)
    # Bytes have no place in JSON, and none in a dataset of texts.
    binary = [name for name, kind in table.frame.schema.items() if "Binary" in str(kind)]
    others = [name for name in names if name not in (text_column, id_column, *binary)]
    numbered = pl.Series("row", table.rows, dtype=pl.Int64)
    frame = table.frame.select(
        *([pl.struct(others).struct.json_encode().alias("given")] if others else []),
        id=pl.coalesce(ids, pl.format("row-{}", pl.lit(numbered))),
        content=pl.col(text_column).cast(pl.String),
    ).select("id", "content", *(["given"] if others else []))
    faults = [*table.faults, *_faults(table, frame, text_column)]
    if faults:
        raise SeedError(str(path), faults)
    if frame.is_empty():
        raise SeedError(str(path), [SourceFault("holds no rows")])
    left_out = [f"left out, columns of bytes: {listed(binary)}"] if binary else []
    return Dataset(frame, (*table.notes, *left_out))


def _faults(table: RawTable, frame: pl.DataFrame, text_column: str) -> list[SourceFault]:
    blank = frame["content"].is_null() | (frame["content"].str.strip_chars() == "")
    twice = frame["id"].is_duplicated()
    faults = []
    for place, (without, repeated) in enumerate(zip(blank, twice, strict=True)):
        line = table.lines[place] if table.lines else None
        if without:
            faults.append(SourceFault(f"has no text under {quoted(text_column)}: fill it in", table.rows[place], line))
        elif repeated:
            faults.append(
                SourceFault(
                    f"has the id {quoted(frame['id'][place])}, as another row: ids differ", table.rows[place], line
                )
            )
    return faults
