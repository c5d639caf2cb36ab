"""Reads the bytes of a file as a table, whatever format they are in."""

import re
from collections.abc import Collection
from pathlib import PurePath

from evergrow.resources.seeds.columnar import read_columns
from evergrow.resources.seeds.delimited import has_header, read_csv
from evergrow.resources.seeds.encodings import to_utf8
from evergrow.resources.seeds.inflation import inflate
from evergrow.resources.seeds.objects import json_table
from evergrow.resources.seeds.raw import EMPTY, RawTable, UnreadableError
from evergrow.resources.seeds.recognition import format_of, refuse_foreign, refuse_foreign_text

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".ipc")
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip")
MAX_BYTES = 4_000_000_000


def parse(
    data: bytes,
    name: str,
    texts: Collection[str] = (),
    ids: Collection[str] = ("id",),
    encoding: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> RawTable:
    """The table in `data`.

    Args:
        data: the bytes of a file, compressed or not.
        name: the file's name, which decides only what the bytes leave open: a CSV without a wanted column.
        texts: names of columns that must hold text, where there are any; the first ones are wanted most.
        ids: those among them in which whole numbers stand for their digits.
        encoding: of texts, as the user states it.
        max_bytes: most bytes when inflated.

    Raises:
        UnreadableError: the bytes are empty, damaged, or of no format that is read.
    """
    if not data:
        raise UnreadableError(EMPTY)
    inner = inflate(data, max_bytes)
    if len(inner) > max_bytes:
        raise UnreadableError(
            f"has {len(inner):,} bytes, more than seeds.max_bytes = {max_bytes:,}: split it, or raise the setting"
        )
    if form := format_of(inner):
        return read_columns(inner, form, texts, ids, encoding)
    suffix = _suffix(name)
    if suffix in {".parquet", ".arrow", ".feather", ".ipc"} and inner[:100].lstrip()[:1] not in {b"[", b"{"}:
        refuse_foreign(inner)
        raise UnreadableError(f"not a {suffix.removeprefix('.').capitalize()} file that can be read: write it again")
    refuse_foreign(inner)
    known = to_utf8(inner, encoding)
    head = known[:100_000].decode(errors="ignore")
    is_csv = has_header(head, texts)
    if not is_csv and (head.lstrip()[:1] in {"[", "{"} or suffix in {".json", ".jsonl", ".ndjson"}):
        if head.lstrip()[:1] not in {"[", "{"}:
            refuse_foreign_text(head)
        return json_table(known, texts, ids)
    if is_csv:
        return read_csv(known, texts)
    refuse_foreign_text(head)
    if suffix in {".csv", ".tsv"} or (len(head.splitlines()) > 1 and re.search(r"[,;\t|]", head.splitlines()[0])):
        return read_csv(known, texts)
    raise UnreadableError(
        "is plain text, of no known format: write one JSON object a line, such as with `jq -R '{content: .}' FILE > "
        "seeds.jsonl` if each line is a task"
    )


def _suffix(name: str) -> str:
    """The suffix that tells the format, below that of a compression."""
    suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
    kept = [suffix for suffix in suffixes if suffix not in COMPRESSED]
    return kept[-1] if kept else ""
