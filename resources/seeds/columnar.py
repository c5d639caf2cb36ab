"""Reads Parquet and Arrow, whose columns have their types."""

import io
from collections.abc import Collection

import polars as pl

from evergrow.resources.seeds.raw import RawTable, UnreadableError
from evergrow.resources.seeds.recognition import Format
from evergrow.resources.seeds.source import SourceFault

BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)


def read_columns(
    data: bytes, form: Format, texts: Collection[str], ids: Collection[str], encoding: str | None
) -> RawTable:
    """The table in `data`.

    Args:
        data: the bytes of a file.
        form: what they are.
        texts: names of columns that must hold text; the table has them as String.
        ids: those among them in which whole numbers stand for their digits.
        encoding: of texts that are kept as bytes, as the user states it.

    Raises:
        UnreadableError: it is damaged, or a column of `texts` holds something else.
    """
    try:
        match form:
            case Format.PARQUET:
                frame = pl.read_parquet(io.BytesIO(data))
            case Format.ARROW_FILE:
                frame = pl.read_ipc(io.BytesIO(data))
            case Format.ARROW_STREAM:
                frame = pl.read_ipc_stream(io.BytesIO(data))
    except BROKEN as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableError(f"not {_article(form)} that can be read: {words}; write or download it again") from error
    frame = frame.with_columns(pl.selectors.by_dtype(pl.Null).cast(pl.String))
    rows = range(1, frame.height + 1)
    faults: list[SourceFault] = []
    for name in sorted(set(texts) & set(frame.columns)):
        dtype = frame.schema[name]
        if dtype == pl.Binary:
            column, wrong = _decoded(frame[name], encoding)
            faults += wrong
            frame = frame.with_columns(column)
            continue
        is_text = dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)
        if not is_text and not (name in ids and dtype.is_integer()):
            raise UnreadableError(f"its column `{name}` is of type {dtype}: make it text")
        frame = frame.with_columns(pl.col(name).cast(pl.String))
    return RawTable(frame, rows, faults=faults)


def _decoded(column: pl.Series, encoding: str | None) -> tuple[pl.Series, list[SourceFault]]:
    if encoding is None:
        raise UnreadableError(
            f"its column `{column.name}` is of type Binary, bytes instead of text: write it as text, or add --encoding "
            "utf-8, if that is how its texts are encoded"
        )
    texts: list[str | None] = []
    faults = []
    for row, value in enumerate(column, start=1):
        try:
            texts.append(None if value is None else value.decode(encoding))
        except (UnicodeDecodeError, LookupError):
            texts.append(None)
            words = f"`{column.name}` holds bytes that are not {encoding} text: state another --encoding"
            faults.append(SourceFault(words, row))
    return pl.Series(column.name, texts, dtype=pl.String), faults


def _article(form: Format) -> str:
    return f"an {form}" if form.startswith("A") else f"a {form} file"
