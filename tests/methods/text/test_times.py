"""What Arrow's reader of JSON lines takes for a time, which is asked here."""

import io
import json
from contextlib import suppress
from datetime import date

import polars as pl
import pyarrow as pa
import pyarrow.json
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.times import TIME, reads_as_time

PARTS = st.tuples(
    st.dates().map(str) | st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.sampled_from(["", " ", "T", "x", "\n"]),
    st.sampled_from(["", "10", "10:20", "10:20:30", "1020", "10:20:30.5", "23:59", "24:00", "23:60", "23:59:60", "99"]),
    st.sampled_from(["", "Z", "+02", "+0200", "-02:00", "+25:00", "+02:99", "+2", "x", "\n"]),
).map("".join)


ARABIC = "2024-01-01".translate({ord("0") + n: 0x660 + n for n in range(10)})


def is_day(text: str) -> bool:
    with suppress(ValueError):
        return bool(date.fromisoformat(text[:10]))
    return False


@given(PARTS | st.from_regex(r"[0-9T: Z.+-]{1,20}", fullmatch=True) | st.sampled_from([ARABIC, ""]))
def test_it_is_what_arrow_takes_for_one_but_for_days_that_there_are_not(text: str) -> None:
    line = io.BytesIO(json.dumps({"text": text}).encode() + b"\n")
    by_arrow = pa.types.is_timestamp(pyarrow.json.read_json(line).schema.field("text").type)

    assert by_arrow == (reads_as_time(text) and is_day(text))
    assert pl.Series([text]).str.contains(TIME).item() == reads_as_time(text)
