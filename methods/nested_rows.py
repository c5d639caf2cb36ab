"""Tables of rows that hold lists of structs."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import pyarrow as pa


def nested_rows(rows: Iterable[Mapping[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """The rows as a table of that schema; what a row does not name is null.

    pyarrow reads lists of structs in a third to a tenth of the time that polars takes; flat rows gain nothing.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowTypeError: a value is not of its column's type.
    """
    types = pl.DataFrame(schema=schema).to_arrow().schema
    return pl.DataFrame(pa.Table.from_pylist(list(rows), schema=types), schema=schema)
