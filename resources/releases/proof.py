"""Proves a release, or says what is wrong with it: files, rows, and if the lake is at hand, every single row.

Checksums show that files are what they were. Whoever changes a file may change its checksum, so rows have digests of
their own, and so has the manifest. All of that is no signature: whoever recomputes everything has made another release.
The lake is what such a release cannot agree with, nor can a signature of the manifest (`attestation`).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evergrow.methods.releasing.digests import BLOCK, row_digest, row_digests, set_digest
from evergrow.methods.releasing.formats import KEY, shape
from evergrow.methods.text.counts import counted
from evergrow.resources.releases.attestation import Key, unattested
from evergrow.resources.releases.manifest import (
    ATTESTATION,
    MANIFEST,
    FileEntry,
    Manifest,
    RowSet,
    edited,
    file_entry,
    read_manifest,
)

Lookup = Callable[[pl.DataFrame], pl.DataFrame]
OF_CLIENTS = frozenset({".git", ".gitattributes", ".cache"})  # what git and the hub's client put beside a release
MOST_ROWS_NAMED = 10


class _UnreadableError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that a release should not be: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found.

    Attributes:
        files: how many were there and as they should be.
        rows: how many were read.
        proven: how many equal the lake's; None if the lake was not asked.
        faults: what is wrong; empty: the release is sound.
        notes: what is different, and may be: a trainer's configuration that was edited.
    """

    files: int
    rows: int
    proven: int | None
    faults: tuple[Discrepancy, ...]
    notes: tuple[Discrepancy, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    batch: str | None
    id: str | None
    split: str
    digest: bytes


def verify_release(folder: Path, lookup: Lookup | None = None, key: Key | None = None) -> Report:
    """Recompute everything that the manifest of the release in `folder` says.

    Args:
        folder: of the release.
        lookup: asks the lake: takes `batch, id` (String), one row per row of the release, and returns the rows of
            `dataset/release` that there are of them, all columns, in any order.
        key: of whoever must have signed the manifest; then every file must be as it was signed.

    Raises:
        ManifestError: there is no manifest, so that nothing can be said.
    """
    manifest = read_manifest(folder)
    faults = [*_manifest_faults(manifest), *_strangers(folder, manifest)]
    faults += [Discrepancy(ATTESTATION, why)] if key and (why := unattested(folder, key)) else []
    sound, rows, notes = 0, list[_Row](), list[Discrepancy]()
    for entry in manifest.files:
        if key is None and edited(folder, entry):
            notes.append(Discrepancy(entry.path, "was changed since the export, as a configuration may be"))
            continue
        found = list(_file_faults(folder / entry.path, entry))
        if entry.split is not None and (folder / entry.path).is_file():
            try:
                read = list(_rows(folder / entry.path, entry.split))
            except _UnreadableError as error:
                found.append(Discrepancy(entry.path, f"its rows cannot be read: {error}"))
            else:
                found += _set_faults(entry.path, manifest.splits.get(entry.split), read)
                rows += read
        sound += not found
        faults += found
    faults += _set_faults("all rows", manifest.rows, rows)
    proven = None
    if lookup is not None:
        differing = list(_differing(manifest, rows, lookup))
        proven = len(rows) - len(differing)
        faults += differing[:MOST_ROWS_NAMED]
        if len(differing) > MOST_ROWS_NAMED:
            faults.append(Discrepancy("the lake", f"{len(differing) - MOST_ROWS_NAMED:,} more rows differ from it"))
    return Report(sound, len(rows), proven, tuple(faults), tuple(notes))


def _manifest_faults(manifest: Manifest) -> Iterator[Discrepancy]:
    if manifest.digest != manifest.own_digest():
        yield Discrepancy(MANIFEST, "was edited: it does not have the digest that it says it has")
    if set(manifest.splits) != {entry.split for entry in manifest.files if entry.split}:
        yield Discrepancy(MANIFEST, "names other splits than it has files of")


def _strangers(folder: Path, manifest: Manifest) -> Iterator[Discrepancy]:
    for path in sorted(folder.iterdir()):
        if path.name not in manifest.names | OF_CLIENTS | {ATTESTATION}:
            yield Discrepancy(path.name, "is no part of the release: it was added")


def _file_faults(path: Path, entry: FileEntry) -> Iterator[Discrepancy]:
    if path.exists() and not path.is_file():  # a pipe would be waited for, for ever
        yield Discrepancy(entry.path, "is no file")
        return
    try:
        found = file_entry(path, entry.split)
    except FileNotFoundError:
        yield Discrepancy(entry.path, "is missing")
    except OSError as error:
        yield Discrepancy(entry.path, f"cannot be read: {error.strerror or error}")
    else:
        if found.bytes != entry.bytes:
            yield Discrepancy(entry.path, f"has {found.bytes:,} bytes, not {entry.bytes:,}: it was changed")
        elif found.sha256 != entry.sha256:
            yield Discrepancy(entry.path, f"was changed: its SHA-256 is {found.sha256}, not {entry.sha256}")


def _set_faults(where: str, expected: RowSet | None, rows: Sequence[_Row]) -> Iterator[Discrepancy]:
    if expected is None:
        yield Discrepancy(where, "is of a split of whose rows the manifest says nothing")
    elif len(rows) != expected.rows:
        yield Discrepancy(where, f"has {counted(len(rows), 'rows')}, not {expected.rows:,}")
    elif set_digest(row.digest for row in rows) != expected.digest:
        yield Discrepancy(where, "has other rows than the manifest says: their digest differs")


def _rows(path: Path, split: str) -> Iterator[_Row]:
    """The rows of a data file, each with its digest.

    Raises:
        _UnreadableError: it is no such file.
    """
    try:
        for row in _parquet(path) if path.suffix == ".parquet" else _lines(path):
            batch, name = (value if isinstance(value, str) else None for value in map(row.get, KEY))
            yield _Row(batch, name, split, row_digest(row))
    except (
        ValueError,
        AttributeError,
        RecursionError,
        OSError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:
        raise _UnreadableError(str(error).partition("\n")[0]) from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    for block in pl.read_parquet(path, glob=False).iter_slices(BLOCK):
        yield from block.iter_rows(named=True)


def _differing(manifest: Manifest, rows: Sequence[_Row], lookup: Lookup) -> Iterator[Discrepancy]:
    named = [(row.batch, row.id) for row in rows if row.batch is not None and row.id is not None]
    keys = pl.DataFrame(named, {"batch": pl.String, "id": pl.String}, orient="row")
    shaped = shape(lookup(keys), manifest.form, columns=manifest.columns, reasoning=manifest.reasoning).rows
    held = shaped.select("batch", "id", "split").iter_rows()
    lake = dict(zip(held, row_digests(shaped.drop("split")), strict=True))
    known = {(batch, id_): split for batch, id_, split in lake}
    seen = set[tuple[str | None, str | None]]()
    for row in rows:
        where = f"row {row.id!r} of batch {row.batch!r}"
        if (row.batch, row.id) in seen:
            yield Discrepancy(where, "is there more than once")
            continue
        seen.add((row.batch, row.id))
        if lake.get((row.batch, row.id, row.split)) == row.digest:
            continue
        split = known.get((row.batch, row.id))
        if split is None:
            yield Discrepancy(where, "is not in the lake")
        elif split != row.split:
            yield Discrepancy(where, f"is in split {row.split}, in the lake in {split}")
        else:
            yield Discrepancy(where, "differs from the lake's")
