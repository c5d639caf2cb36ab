"""Ids of seeds: the file's own or made from the content, and the root ids that samples carry."""

import hashlib
from collections import Counter

import polars as pl

from evergrow.methods.text import ids
from evergrow.methods.text.counts import counted
from evergrow.methods.text.times import TIME
from evergrow.resources.seeds.source import quoted

MADE_ID_LENGTHS = (12, 16, 24, 32, 64)
PLAIN_ID = r"\A[A-Za-z0-9.~-]+\z"


def seed_ids(frame: pl.DataFrame) -> pl.Series:
    """The file's ids; where it has none, the first 12 hex digits of the content's SHA-256, more where that clashes."""
    if "id" in frame.columns and not ((frame["id"].is_null()) | (frame["id"] == "")).any():
        return frame["id"].rename("seed_id")
    given = frame["id"].to_list() if "id" in frame.columns else [None] * frame.height
    digests = [hashlib.sha256(content.encode()).hexdigest() for content in frame["content"].to_list()]
    lengths = dict.fromkeys((d for d, i in zip(digests, given, strict=True) if not i), MADE_ID_LENGTHS[0])
    taken = {i for i in given if i}
    for longer in MADE_ID_LENGTHS[1:]:
        counts = Counter(digest[:length] for digest, length in lengths.items())
        for digest, length in lengths.items():
            if counts[digest[:length]] > 1 or digest[:length] in taken:
                lengths[digest] = longer
    made = [i or d[: lengths[d]] for i, d in zip(given, digests, strict=True)]
    return pl.Series("seed_id", made, dtype=pl.String)


def root_ids(seed_ids: pl.Series) -> pl.Series:
    """The ids as samples can carry them: what they cannot is percent-encoded."""
    odd = _odd(seed_ids)
    if not odd.any():
        return seed_ids.rename("id")
    return pl.Series(
        "id", [ids.escape_seed_id(i) if o else i for i, o in zip(seed_ids, odd, strict=True)], dtype=pl.String
    )


def id_notes(frame: pl.DataFrame) -> list[str]:
    """What is to be said of ids that were changed for samples."""
    odd = frame.filter(_odd(frame["seed_id"]))
    if odd.is_empty():
        return []
    seed_id, root_id = odd.select("seed_id", "id").row(0)
    return [
        f"{counted(odd.height, 'ids hold', 'id holds')} characters that ids of samples cannot carry, or read as times, "
        f"and are percent-encoded there, reversibly: {quoted(seed_id)} is {quoted(root_id)}"
    ]


def _odd(seed_ids: pl.Series) -> pl.Series:
    return ~seed_ids.str.contains(PLAIN_ID) | seed_ids.str.contains(TIME)
