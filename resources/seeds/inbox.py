"""The inbox: a seed file that is dropped into HOME/inbox becomes a batch named after it."""

import hashlib
import os
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evergrow.methods.text.counts import counted
from evergrow.resources.host.files import atomic_write, sync_folder
from evergrow.resources.host.home import Home
from evergrow.resources.registry.batches import (
    BatchExistsError,
    StagedBatch,
    batch_name_from_file,
    stage,
)
from evergrow.resources.registry.owner_names import MAX_NAME_CHARS
from evergrow.resources.registry.registry import Registry
from evergrow.resources.seeds.paths import printable
from evergrow.resources.seeds.read import Reading, read_seeds
from evergrow.resources.seeds.source import SeedError, Seeds, SourceFault

ACCEPTED, REJECTED, ERROR_SUFFIX = "accepted", "rejected", ".error.txt"
ADVICE = (
    "Correct the file and drop it into the inbox again; or register it with `evergrow seeds add FILE --batch NAME`, "
    "which has options for columns, forms and encodings, and no limit of its own on the size."
)
BYTES_A_CALL = 256_000_000  # read in one look, which has to end within a tick of the sensor, 60 s
MAX_NAME_BYTES, MAX_SUFFIX_BYTES = 200, 20  # of 255 that file systems allow: other names are made of this one
CLOCKS_S = 3_600.0  # clocks of two machines are less than this apart
_OPTION = re.compile(r" --(column|encoding|form|id-column|kind|text-column)\b")  # of `seeds add`, as reasons advise
UNFINISHED = (".part", ".partial", ".crdownload", ".tmp", ".swp", "~")


@dataclass(frozen=True, slots=True)
class RegisteredFile:
    """A file that became a batch; it now lies at `file`."""

    file: Path
    batch: StagedBatch
    notes: tuple[str, ...]

    def __str__(self) -> str:
        told = "".join(f"; {note}" for note in self.notes)
        seeds = counted(self.batch.rows, "seeds")
        return f"{printable(self.file.name)} is batch {self.batch.batch!r} with {seeds}{told}"


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A file that could not; it now lies at `file`, and beside it, with `.error.txt` added to its name, `reason`."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"rejected {self.reason}; it lies in {printable(str(self.file.parent))}{self.options}"

    @property
    def options(self) -> str:
        """Whose the options are that the reason advises, as a file in the inbox has none; "" if it advises none."""
        if not (named := _OPTION.findall(self.reason)):
            return ""
        lies = printable(shlex.quote(str(self.file)))
        other = "; or call the column `content`, and drop the file into the inbox again" if "column" in named else ""
        return f"; options are of `evergrow seeds add {lies} --batch NAME`, which registers it from there{other}"


def take(home: Home, registry: Registry, settle_s: float, max_chars: int) -> list[RegisteredFile | RejectedFile]:
    """Register the files in the inbox that have been left alone for `settle_s` seconds, in the order of names.

    One call reads at most `BYTES_A_CALL`, or one file; the next one goes on. Each file stands by itself: whatever is
    wrong with one, or with its name, the others are registered. A crash at any point is repaired by the next call: the
    file is still there, and the same seeds are the same batch. Folders, links, hidden and unfinished files are passed
    over. A name that other seeds have gets a number.

    Raises:
        HomeError: the home folder cannot be written.
        LedgerError: the database cannot be written.
    """
    with home.writing():
        for folder in (home.inbox / ACCEPTED, home.inbox / REJECTED):
            folder.mkdir(parents=True, exist_ok=True)
        with home.lock("inbox"):
            done = [_take_one(home, registry, path, max_chars) for path in _first(_settled_files(home.inbox, settle_s))]
    return [outcome for outcome in done if outcome]


def _first(paths: list[Path]) -> Iterator[Path]:
    """As many as may be read in one call; at least one."""
    read = 0
    for path in paths:
        state = _state(path)
        size = state[1] if state else 0
        if read and read + size > BYTES_A_CALL:
            return
        read += size
        yield path


def _settled_files(inbox: Path, settle_s: float) -> list[Path]:
    with os.scandir(inbox) as entries:
        files = [
            Path(entry.path)
            for entry in entries
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")
            if not entry.name.lower().endswith(UNFINISHED)
        ]
    # The time of the last change of any sort: copying tools set the time of modification back to that of the original.
    now = time.time()
    return sorted(path for path in files if (state := _state(path)) and _settled(state[-1] / 1e9, now, settle_s))


def _settled(changed: float, now: float, settle_s: float) -> bool:
    """Whether a file is left alone for so long; one of far in the future was changed before the clock was set back."""
    return changed <= now - settle_s or changed > now + CLOCKS_S


def _take_one(home: Home, registry: Registry, path: Path, max_chars: int) -> RegisteredFile | RejectedFile | None:
    """What became of a file; None if somebody changed or took it meanwhile, which the next call will see."""
    before = _state(path)
    try:
        read: Seeds | SeedError = read_seeds(path, max_chars, Reading(max_bytes=BYTES_A_CALL))
    except SeedError as error:
        read = error
    except Exception as error:  # noqa: BLE001 - whatever one file brings about, the others are to be read
        read = SeedError(printable(str(path)), [SourceFault(f"cannot be read: {type(error).__name__}: {error}")])
    if before is None or _state(path) != before:
        return None
    if isinstance(read, SeedError):
        target = _free(home.inbox / REJECTED, path.name)
        rejected = RejectedFile(target, str(read))
        atomic_write(
            target.with_name(f"{target.name}{ERROR_SUFFIX}"),
            f"{read}{rejected.options}\n{ADVICE}\n".encode(errors="backslashreplace"),
        )
        _move(path, target)
        return rejected
    batch = _stage_under_free_name(registry, batch_name_from_file(path), read)
    target = _free(home.inbox / ACCEPTED, path.name)
    _move(path, target)
    return RegisteredFile(target, batch, read.notes)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_ctime_ns


def _stage_under_free_name(registry: Registry, name: str, seeds: Seeds) -> StagedBatch:
    for candidate in _numbered(name):
        try:
            return stage(registry, candidate, seeds)
        except BatchExistsError:
            continue
    raise AssertionError("numbers do not end")


def _numbered(name: str) -> Iterator[str]:
    """`name`, `name-2`, `name-3` and so on, each short enough for a batch."""
    yield name
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: MAX_NAME_CHARS - len(ending)] + ending
        number += 1


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` at which nothing lies: `name`, or with a number before its suffix.

    The middle of a long name is left out, so that the name of the reason beside it, and that of the file in which the
    reason is first written, are no longer than file systems allow.
    """
    path = folder / _shortened(name, "")
    number = 2
    while os.path.lexists(path):
        path = folder / _shortened(name, f"-{number}")
        number += 1
    return path


def _shortened(name: str, number: str) -> str:
    stem, suffix = os.fsencode(Path(name).stem), os.fsencode(Path(name).suffix)
    if len(suffix) > MAX_SUFFIX_BYTES:
        stem, suffix = stem + suffix, b""
    room = MAX_NAME_BYTES - len(suffix) - len(number)
    if len(stem) > room:
        digest = hashlib.sha256(stem).hexdigest()[:8].encode()
        stem = stem[: room - len(digest) - 1].decode(errors="ignore").encode() + b"~" + digest
    return os.fsdecode(stem) + number + os.fsdecode(suffix)


def _move(path: Path, target: Path) -> None:
    path.rename(target)
    sync_folder(target.parent)
    sync_folder(path.parent)
