"""Rows whose text holds something of a certain shape: found by the regular expressions of polars, then judged."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

FINDING = {"row": pl.UInt32, "name": pl.String, "part": pl.String}


@dataclass(frozen=True, slots=True)
class TextShape:
    """What something looks like: `regex` finds it, `is_real` tells it from examples; `name` is for people."""

    name: str
    regex: str
    is_real: Callable[[str], bool]


def found(texts: pl.Series, shapes: Sequence[TextShape]) -> pl.DataFrame:
    """`row, name, part`: the first of `shapes` that each text holds, and the part of it that has that shape.

    Null texts hold nothing. Rows are in their order.
    """
    findings = [_of_shape(texts, shape) for shape in shapes]
    table = pl.concat([pl.DataFrame(schema=FINDING), *findings])
    return table.unique("row", keep="first", maintain_order=True).sort("row")


def _of_shape(texts: pl.Series, shape: TextShape) -> pl.DataFrame:
    likely = texts.str.contains(shape.regex).fill_null(value=False).arg_true()
    parts = pl.DataFrame({"row": likely, "part": texts.gather(likely).str.extract_all(shape.regex)}).explode("part")
    different = parts["part"].unique()
    real = different.filter(pl.Series([shape.is_real(part) for part in different], dtype=pl.Boolean))
    first = parts.filter(pl.col("part").is_in(real.implode())).unique("row", keep="first", maintain_order=True)
    return first.select(pl.col("row").cast(pl.UInt32), pl.lit(shape.name).alias("name"), "part")


def entropy(text: str) -> float:
    """Shannon's, bits a character: below 3 for words and patterns, about 4 to 6 for keys that were drawn."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
