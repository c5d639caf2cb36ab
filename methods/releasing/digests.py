"""Digests of rows, by which a release can be proven row by row, whatever file they stand in.

A row's digest is the SHA-256 of its JSON: keys sorted, no blanks, nothing but what JSON must escape escaped, as
`json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"))` writes it. A set's digest is the SHA-256
of its rows' digests, sorted and put one behind the other: it does not depend on the order of rows.
"""

import hashlib
import json
from collections.abc import Iterable

import polars as pl

BLOCK = 10_000
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def row_digest(row: object) -> bytes:
    """The digest of one row: a mapping of column to value."""
    return hashlib.sha256(_ENCODER.encode(row).encode("utf-8", "surrogatepass")).digest()


def row_digests(rows: pl.DataFrame) -> list[bytes]:
    """The digest of every row, over all columns, in their order."""
    return [row_digest(row) for block in rows.iter_slices(BLOCK) for row in block.to_dicts()]


def set_digest(digests: Iterable[bytes]) -> str:
    """The digest of a set of rows, in hexadecimal."""
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()
