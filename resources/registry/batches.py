"""Registers batches: a batch exists once its seeds are staged in the home folder."""

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.home import Home
from evergrow.resources.registry.names import NAME, fault, slug, unknown
from evergrow.resources.seeds.source import Seeds

POINTER = "current.json"
AS_IS = "as_is"  # beside it: the seeds were taken as they are


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
    """A registered batch: `path` is an immutable Parquet file with `rows` seeds, columns as in `seeds.Seeds`.

    `digest` is the SHA-256 (hex) of everything in them but `source`: equal seeds have equal digests, whatever file they
    came from. `origin` names that file; `staged_at` is in UTC.
    """

    batch: str
    path: Path
    digest: str
    rows: int
    origin: str
    staged_at: datetime

    def read(self) -> pl.DataFrame:
        """The seeds."""
        return pl.read_parquet(self.path, glob=False)


def stage(home: Home, batch: str, seeds: Seeds, *, replace: bool = False) -> StagedBatch:
    """Register `seeds` as `batch`; the same seeds again change nothing.

    Args:
        home: the home folder.
        batch: letters, digits, `.`, `_`, `-`; at most 63 characters, the first a letter or digit.
        seeds: at least one seed.
        replace: let these seeds take the place of others under the name; the earlier file stays.

    Raises:
        BatchNameError: the name cannot be a batch's.
        BatchError: there are no seeds.
        BatchExistsError: other seeds have the name, and `replace` is off.
        HomeError: the home folder cannot be written.
    """
    check_name(batch)
    if seeds.frame.is_empty():
        raise BatchError(f"batch {batch!r} would have no seeds: nothing was found in {seeds.origin or 'its source'}")
    digest = seeds_digest(seeds.frame)
    folder = home.seeds / batch
    with home.writing():
        folder.mkdir(parents=True, exist_ok=True)
        with home.lock("seeds"):
            current = _current(home, batch)
            if current and current.digest == digest and current.path.is_file():
                return current
            if current and current.digest != digest and not replace:
                raise BatchExistsError(
                    f"batch {batch!r} already has {current.rows:,} other seeds, from {current.origin or 'elsewhere'}: "
                    "choose another name, or replace them with --replace"
                )
            data = io.BytesIO()
            seeds.frame.write_parquet(data)
            atomic_write(folder / f"{digest[:16]}.parquet", data.getvalue())
            pointer = {
                "digest": digest,
                "rows": seeds.frame.height,
                "origin": seeds.origin,
                "staged_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            atomic_write(folder / POINTER, json.dumps(pointer, indent=1).encode())
    return staged(home, batch)


def staged(home: Home, batch: str) -> StagedBatch:
    """The batch registered as `batch`.

    Raises:
        UnknownBatch: there is none.
    """
    current = _current(home, batch) if NAME.fullmatch(batch) else None
    if current:
        return current
    names = [known.batch for known in staged_batches(home)]
    raise UnknownBatch(unknown(batch, "batch", names, "register it with `evergrow seeds add FILE --batch NAME`"))


def staged_batches(home: Home) -> list[StagedBatch]:
    """All registered batches, by name."""
    folders = sorted(home.seeds.iterdir()) if home.seeds.is_dir() else []
    found = (_current(home, folder.name) for folder in folders if NAME.fullmatch(folder.name))
    return [batch for batch in found if batch]


def take_as_is(home: Home, batch: str) -> None:
    """Remember that a batch's seeds are taken as they are, so that nothing evolves it unasked.

    Raises:
        HomeError: the home folder cannot be written.
    """
    with home.writing():
        atomic_write(home.seeds / batch / AS_IS, b"")


def taken_as_is(home: Home, batch: str) -> bool:
    """Whether a batch's seeds were taken as they are."""
    return (home.seeds / batch / AS_IS).exists()


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


def _current(home: Home, batch: str) -> StagedBatch | None:
    """What the pointer names; None while there is none."""
    folder = home.seeds / batch
    try:
        pointer = json.loads((folder / POINTER).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    path = folder / f"{pointer['digest'][:16]}.parquet"
    at = datetime.fromisoformat(pointer["staged_at"])
    return StagedBatch(batch, path, pointer["digest"], pointer["rows"], pointer["origin"], at)
