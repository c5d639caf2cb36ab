"""What Arrow's reader of JSON lines takes for a time, which is asked here."""

import io
import json

import polars as pl
import pyarrow as pa
import pyarrow.json
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.times import TIME, reads_as_time

PARTS = st.tuples(
    st.dates().map(str),
    st.sampled_from(["", " ", "T", "x"]),
    st.sampled_from(["", "10", "10:20", "10:20:30", "1020", "10:20:30.5", "99"]),
    st.sampled_from(["", "Z", "+02", "+0200", "-02:00", "+2", "x"]),
).map("".join)


@given(PARTS | st.from_regex(r"[0-9T: Z.+-]{1,20}", fullmatch=True))
def test_whatever_arrow_takes_for_a_time_is_told(text: str) -> None:
    line = io.BytesIO(json.dumps({"text": text}).encode() + b"\n")
    by_arrow = pa.types.is_timestamp(pyarrow.json.read_json(line).schema.field("text").type)

    assert reads_as_time(text) or not by_arrow
    assert pl.Series([text]).str.contains(TIME).item() == reads_as_time(text)


def test_no_other_text_is_told() -> None:
    for text in ("", "2026", "2026-11", "20261127", "12:30:00", "batch-2026-11-27", "2026-11-27 and more"):
        assert not reads_as_time(text)
