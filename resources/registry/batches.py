"""Registers batches: a batch exists once its seeds lie in the lake and its name stands in the registry."""

import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Select, insert, select, update

from evergrow.methods.text.counts import counted
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.registry_schema import batches as table
from evergrow.resources.registry.owner_names import NAME, fault, slug, unknown
from evergrow.resources.registry.registry import Registry, as_text, touch
from evergrow.resources.seeds.source import Seeds

FOLDER = "registry/batches"  # of the lake


class BatchError(Exception):
    """Something about a batch is wrong; the message names the batch and the remedy."""


class BatchNameError(BatchError):
    """The name cannot be a batch's; the message suggests one that can."""


class BatchExistsError(BatchError):
    """Other seeds are registered under the name."""


class UnknownBatch(BatchError):  # noqa: N818 - the name says it
    """No seeds are registered under the name; the message lists the names that there are."""


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A registered batch: `file` is an immutable Parquet file of the lake: `rows` seeds, columns as in `seeds.Seeds`.

    `digest` is the SHA-256 (hex) of everything in them but `source`: equal seeds have equal digests, whatever file they
    came from. `origin` names that file; `staged_at` is in UTC.
    """

    batch: str
    file: str
    digest: str
    rows: int
    origin: str
    staged_at: datetime
    files: Files = field(repr=False, compare=False)

    def read(self) -> pl.DataFrame:
        """The seeds.

        Raises:
            DamagedFile: their file is gone, or not what it was.
        """
        register = f"register the seeds of batch {self.batch!r} again, from {self.origin or 'where they came from'}"
        return pl.read_parquet(io.BytesIO(self.files.get(self.file, register)))


def stage(registry: Registry, batch: str, seeds: Seeds, *, replace: bool = False) -> StagedBatch:
    """Register `seeds` as `batch`; the same seeds again change nothing, but for a file that was damaged.

    Args:
        registry: where.
        batch: letters, digits, `.`, `_`, `-`; at most 63 characters, the first a letter or digit.
        seeds: at least one seed.
        replace: let these seeds take the place of others under the name; the earlier file stays.

    Raises:
        BatchNameError: the name cannot be a batch's.
        BatchError: there are no seeds.
        BatchExistsError: other seeds have the name, and `replace` is off.
        LedgerError, OSError: database or lake cannot be written.
    """
    check_name(batch)
    if seeds.frame.is_empty():
        raise BatchError(f"batch {batch!r} would have no seeds: nothing was found in {seeds.origin or 'its source'}")
    digest = seeds_digest(seeds.frame)
    known = _find(registry, batch)
    if known and known.digest == digest and not registry.files.damage(known.file):
        return known
    if known and known.digest != digest and not replace:
        raise _exists(known)
    file, _ = registry.files.put(f"{FOLDER}/{batch}", ".parquet", seeds.frame.write_parquet)
    values = {
        "digest": digest,
        "file": file,
        "rows": seeds.frame.height,
        "origin": as_text(seeds.origin),
        "staged_at": float(int(time.time())),
    }
    with registry.alone() as connection:
        row = connection.execute(_query().where(table.c.name == batch)).one_or_none()
        current = _staged(registry, row) if row else None
        if current is None:
            connection.execute(insert(table).values(name=batch, as_is=False, **values))
        elif current.digest == digest:  # its file is another's, if the same seeds were read from elsewhere
            if current.file != file:
                connection.execute(update(table).where(table.c.name == batch).values(file=file))
        elif replace:
            connection.execute(update(table).where(table.c.name == batch).values(**values))
        else:  # another process was faster
            raise _exists(current)
        if current is None or current.digest != digest:
            touch(connection, "batch", batch)
    return staged(registry, batch)


def staged(registry: Registry, batch: str) -> StagedBatch:
    """The batch registered as `batch`.

    Raises:
        UnknownBatch: there is none.
    """
    if known := _find(registry, batch):
        return known
    names = [known.batch for known in staged_batches(registry)]
    raise UnknownBatch(unknown(batch, "batch", names, "register it with `evergrow seeds add FILE --batch NAME`"))


def staged_batches(registry: Registry) -> list[StagedBatch]:
    """All registered batches, by name."""
    return sorted((_staged(registry, row) for row in registry.read(_query())), key=lambda known: known.batch)


def take_as_is(registry: Registry, batch: str) -> None:
    """Remember that a batch's seeds are taken as they are, so that nothing evolves it unasked.

    Raises:
        LedgerError: it was not written.
    """
    with registry.alone() as connection:
        new = connection.execute(update(table).where(table.c.name == batch, ~table.c.as_is).values(as_is=True)).rowcount
        if new:
            touch(connection, "batch", batch)


def taken_as_is(registry: Registry, batch: str) -> bool:
    """Whether a batch's seeds were taken as they are."""
    return any(row[0] for row in registry.read(select(table.c.as_is).where(table.c.name == batch)))


def begin_fresh(registry: Registry, batch: str) -> None:
    """Note that from now on a batch is made anew, unless it is being made anew already."""
    with registry.alone() as connection:
        row = (table.c.name == batch, table.c.fresh_since.is_(None))
        connection.execute(update(table).where(*row).values(fresh_since=time.time()))


def fresh_since(registry: Registry, batch: str) -> float:
    """The moment (epoch s) since which the batch is made anew; 0 if it is not."""
    rows = registry.read(select(table.c.fresh_since).where(table.c.name == batch))
    return float(rows[0][0] or 0.0) if rows else 0.0


def end_fresh(registry: Registry, batch: str) -> None:
    """Note that a batch is made anew throughout."""
    with registry.alone() as connection:
        connection.execute(update(table).where(table.c.name == batch).values(fresh_since=None))


def check_name(batch: str) -> None:
    """Refuse what cannot name a batch.

    Raises:
        BatchNameError: with a name that could.
    """
    if wrong := fault(batch, "batch"):
        raise BatchNameError(wrong)


def batch_name_from_file(path: Path) -> str:
    """The name of the batch that a file dropped into the inbox becomes."""
    return slug(path.stem)


def seeds_digest(frame: pl.DataFrame) -> str:
    """SHA-256 (hex) of the names and values of all columns but `source`: where seeds stood does not change them.

    Python's spelling of the values is hashed, for it is the same in every version of polars and of Parquet.
    """
    digest = hashlib.sha256()
    for series in frame.drop("source", strict=False):
        digest.update(ascii((series.name, series.to_list())).encode())
    return digest.hexdigest()


def _exists(known: StagedBatch) -> BatchExistsError:
    return BatchExistsError(
        f"batch {known.batch!r} already has {counted(known.rows, 'other seeds')}, from {known.origin or 'elsewhere'}: "
        "choose another name, or replace them with --replace"
    )


def _query() -> Select[Any]:
    return select(table.c.name, table.c.file, table.c.digest, table.c.rows, table.c.origin, table.c.staged_at)


def _find(registry: Registry, batch: str) -> StagedBatch | None:
    if not NAME.fullmatch(batch):
        return None
    rows = registry.read(_query().where(table.c.name == batch))
    return _staged(registry, rows[0]) if rows else None


def _staged(registry: Registry, row: Sequence[Any]) -> StagedBatch:
    name, file, digest, rows, origin, at = row
    return StagedBatch(name, file, digest, rows, json.loads(origin), datetime.fromtimestamp(at, UTC), registry.files)
