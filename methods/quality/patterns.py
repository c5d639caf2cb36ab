"""Rows whose text holds something of a certain shape: found by the regular expressions of polars, then judged."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Shape:
    """What something looks like: `regex` finds it, `is_real` tells it from examples; `name` is for people."""

    name: str
    regex: str
    is_real: Callable[[str], bool]


def holds(texts: pl.Series, shape: Shape) -> pl.Series:
    """Boolean (n,): whether a part of each text has the shape; null texts hold nothing."""
    likely = texts.str.contains(shape.regex).fill_null(value=False).arg_true()
    found = pl.DataFrame({"row": likely, "part": texts.gather(likely).str.extract_all(shape.regex)}).explode("part")
    parts = found["part"].unique()
    real = parts.filter(pl.Series([shape.is_real(part) for part in parts], dtype=pl.Boolean))
    rows = found.filter(pl.col("part").is_in(real.implode()))["row"].unique()
    return pl.repeat(False, len(texts), eager=True).scatter(rows, True)


def entropy(text: str) -> float:
    """Shannon's, bits a character: below 3 for words and patterns, about 4 to 6 for keys that were drawn."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
