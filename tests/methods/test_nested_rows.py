from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.nested_rows import nested_rows
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA

SCHEMA = {
    "id": pl.String(),
    "parts": pl.List(pl.Struct({"text": pl.String(), "near": pl.List(pl.Int32()), "share": pl.Float64()})),
    "done": pl.Boolean(),
}
TEXT = st.none() | st.text(max_size=4)
PART = st.fixed_dictionaries(
    {
        "text": TEXT,
        "near": st.none() | st.lists(st.integers(-5, 5), max_size=3),
        "share": st.none() | st.floats(0, 1),
    }
)
ROW = st.fixed_dictionaries(
    {"id": TEXT, "parts": st.none() | st.lists(st.none() | PART, max_size=3), "done": st.none() | st.booleans()}
)


@given(st.lists(ROW, max_size=5))
def test_rows_become_what_polars_makes_of_them(rows: list[dict[str, Any]]) -> None:
    found = nested_rows(iter(rows), SCHEMA)

    assert dict(found.schema) == SCHEMA
    assert found.rows(named=True) == pl.DataFrame(rows, schema=SCHEMA, orient="row").rows(named=True)


def test_no_rows_are_an_empty_table_and_what_a_row_does_not_name_is_null() -> None:
    assert nested_rows([], LEVEL_SCHEMA).equals(pl.DataFrame(schema=LEVEL_SCHEMA))
    assert nested_rows([{"id": "a"}], SCHEMA).rows() == [("a", None, None)]


def test_a_value_of_another_type_is_an_error() -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        nested_rows([{"id": 3, "parts": None, "done": True}], SCHEMA)
