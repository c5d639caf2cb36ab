"""What a user names as the source of seeds: files, globs, folders, or standard input."""

import difflib
import glob
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evergrow.resources.seeds.file_formats import COMPRESSED, SUFFIXES
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import SeedError, SourceFault, listed

STANDARD_INPUT = "-"
CARDS = {"dataset_info.json", "dataset_dict.json", "dataset_infos.json", "manifest.json", "state.json", "metadata.json"}


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file to read; `label` is how rows name it, `path` where it lies (None: standard input)."""

    label: str
    path: Path | None

    @property
    def origin(self) -> str:
        """The file's name for messages."""
        return printable(str(self.path)) if self.path else "standard input"


def seed_files(names: Sequence[str]) -> tuple[list[SeedFile], list[str]]:
    """The files that `names` stand for, each once, in their order; and notes on what was passed over.

    A name is a file, else a folder (its files of known suffixes, not those of its own folders), else a glob (`**` for
    any folders), or `-`.

    Raises:
        SeedError: a glob or a folder holds no such file.
    """
    files: dict[str, SeedFile] = {}
    notes: list[str] = []
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            files[name] = SeedFile("stdin", None)
        elif path.is_dir():
            for inner in _in_folder(path, notes):
                files[str(inner)] = SeedFile(printable(inner.name), inner)
        elif not os.path.lexists(path) and glob.has_magic(name):
            found = sorted(Path(hit) for hit in glob.glob(name, recursive=True) if Path(hit).is_file())  # noqa: PTH207
            if not found:
                raise SeedError(name, [SourceFault("matches no file: check the pattern, and put it in quotes")])
            files |= {str(hit): SeedFile(printable(hit.name), hit) for hit in found}
        else:
            files[name] = SeedFile(printable(path.name), path)
    return _told_apart(list(files.values())), notes


def read_bytes(file: SeedFile, max_bytes: int) -> bytes:
    """What is in the file.

    Raises:
        UnreadableError: it is not there, cannot be read, or is larger than `max_bytes`.
    """
    if file.path is None:
        return _standard_input(sys.stdin.buffer, max_bytes)
    path = file.path
    if not path.exists():
        near = difflib.get_close_matches(path.name, _names_in(path.parent), n=1)
        raise UnreadableError("does not exist" + (f"; did you mean {near[0]!r}?" if near else ": check the path"))
    if path.is_dir():
        raise UnreadableError(f"is a folder: name one file in it ({listed(_names_in(path), 5) or 'it has none'})")
    if not path.is_file():
        raise UnreadableError("is not a regular file: write the seeds to a file first, or pipe them in with -")
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise UnreadableError(
                f"has {size:,} bytes, more than seeds.max_bytes = {max_bytes:,}: split it, or raise the setting "
                "(EVERGROW_SEEDS__MAX_BYTES)"
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}; check its permissions") from error


def printable(name: str) -> str:
    """A file's name as text: bytes of it that are not UTF-8, and control characters, as escapes."""
    text = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _standard_input(stream: BinaryIO, max_bytes: int) -> bytes:
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnreadableError(f"has more than seeds.max_bytes = {max_bytes:,} bytes: split it, or raise the setting")
    return data


def _in_folder(folder: Path, notes: list[str]) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise SeedError(printable(str(folder)), [SourceFault(f"cannot be read: {error.strerror}")]) from error
    taken = [entry for entry in entries if _is_seed_file(entry)]
    left = [printable(entry.name) + ("/" if entry.is_dir() else "") for entry in entries if entry not in taken]
    if not taken:
        inside = f", only {listed(left, 5)}" if left else ""
        raise SeedError(
            printable(str(folder)), [SourceFault(f"is a folder without files of seeds ({', '.join(SUFFIXES)}){inside}")]
        )
    if left:
        notes.append(f"{printable(str(folder))}: {len(left):,} are no seed files and left out ({listed(left, 5)})")
    return taken


def _is_seed_file(path: Path) -> bool:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in SUFFIXES and path.name not in CARDS and path.is_file()


def _told_apart(files: list[SeedFile]) -> list[SeedFile]:
    """Files of equal names in different folders are labelled by their paths."""
    labels = [file.label for file in files]
    return [
        SeedFile(printable(str(file.path)), file.path) if file.path and labels.count(file.label) > 1 else file
        for file in files
    ]


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(printable(entry.name) for entry in folder.iterdir() if entry.is_file())
    except OSError:
        return []
