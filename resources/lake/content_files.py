"""Files of the lake: immutable, named by the SHA-256 of their content, and checked against that name when read.

A file is hashed once a process, and again when its size, its times or its place on the disk have changed since; of a
remote one, `remote` keeps a copy on this machine.
"""

import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from evergrow.resources.host.files import digest_of, sync_folder
from evergrow.resources.host.full_disk import naming_full_disk
from evergrow.resources.host.home import Home
from evergrow.resources.host.urls import without_secrets
from evergrow.resources.lake.remote import RemoteFiles, StoreUnreachable, base_of
from evergrow.resources.settings import Settings

if TYPE_CHECKING:
    from upath import UPath

NAME_CHARS = 16  # of the hexadecimal digest, in a file's name
SCHEME = "://"  # of a URL
BLOCK = 1 << 20
MOST_COPIED = 20_000_000_000  # bytes
UNFINISHED_S = 24 * 3600.0  # no file is written for so long
SCRUB = "`evergrow scrub` names all such files and makes again what costs nothing"


class DamagedFile(Exception):  # noqa: N818 - it says what the file is
    """A file is gone, or its content is not what its name says; the message names it and the remedy."""


class Files:
    """Files below a folder or fsspec URL. Several processes and machines may use them at once.

    Args:
        url: where they are.
        copies: folder for the copies of remote files; one that goes with this object by default.
        most_copied: bytes of all copies together.

    Attributes:
        unhashed: a file that is there counts as whole: for who looks at very many at once, and reads none of them.
    """

    def __init__(self, url: str | Path, copies: Path | None = None, most_copied: int = MOST_COPIED) -> None:
        self.unhashed = False
        self._whole: dict[str, object] = {}  # by path: the state of the file in which its content was right
        self.local = None if SCHEME in str(url) else Path(url)
        self._base: Path | UPath = self.local or base_of(str(url))
        if not isinstance(self._base, Path) and self._base.protocol == "file":
            self.local = Path(self._base.path)
        elif not isinstance(self._base, Path):
            if copies is None:
                self._own = tempfile.TemporaryDirectory(prefix="evergrow-lake-")
                copies = Path(self._own.name)
            self._remote = RemoteFiles(self._base, copies, most_copied)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The files of the lake that the settings name, by default in `HOME/lake`."""
        home = Home(settings.home)
        return cls(settings.lake_url or home.lake, home.copies, settings.lake_copies_bytes)

    def put(self, folder: str, suffix: str, write: Callable[[IO[bytes]], object]) -> tuple[str, str]:
        """Store what `write` writes; returns its path below the base, and its digest.

        Equal content is the same file: one that is there and whole stays, one that is damaged is replaced.

        Raises:
            OSError: it cannot be written; nothing was.
        """
        with naming_full_disk(f"the lake {self.locate('')}"):
            return self._put(folder, suffix, write)

    def _put(self, folder: str, suffix: str, write: Callable[[IO[bytes]], object]) -> tuple[str, str]:
        part = self._new_part(folder)
        try:
            with part.open("x+b") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()[:NAME_CHARS]
            path = f"{folder}/{digest}{suffix}"
            if self.damage(path):
                self._move_in(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path, digest

    def put_bytes(self, folder: str, suffix: str, data: bytes) -> str:
        """Store `data`, as `put` does; returns its path."""
        return self.put(folder, suffix, lambda file: file.write(data))[0]

    def get(self, path: str, remedy: str = SCRUB) -> bytes:
        """The content of a file.

        Raises:
            DamagedFile: it is gone, or is not what its name says.
        """
        return self.copy(path, remedy).read_bytes()

    def copy(self, path: str, remedy: str = SCRUB) -> Path:
        """A file of this machine with the content of a file: the very file where it is local, else a copy.

        It may be scanned lazily; a copy may be gone an hour after it was last asked for.

        Raises:
            DamagedFile: it is gone, or is not what its name says.
            StoreUnreachable: it is remote, and its store does not answer.
        """
        self.require(path, remedy)
        if self.local:
            return self.local / path
        return self._brought(path, str(self._whole.get(path) or self._state(path)))[0]

    def require(self, path: str, remedy: str = SCRUB) -> None:
        """Refuse a file that is damaged.

        Raises:
            DamagedFile: it is gone, or is not what its name says.
        """
        if damage := self.damage(path):
            raise DamagedFile(f"the file {self.locate(path)} {damage}: it is not used; {remedy}")

    def damage(self, path: str) -> str | None:
        """What is wrong with a file, in words that follow its name; None if its content is what its name says.

        Raises:
            StoreUnreachable: it is remote, and its store does not answer: nothing is known of it.
        """
        try:
            state = self._state(path)
            if self.unhashed or state == self._whole.get(path):
                return None
            digest = digest_of(self.local / path) if self.local else self._brought(path, str(state))[1]
        except FileNotFoundError:
            return "is gone"
        except StoreUnreachable:
            raise
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if not is_named_by(path, digest):
            return "was changed or cut: its content is not what its name says"
        self._whole[path] = state
        return None

    def names(self, folder: str) -> Iterator[str]:
        """Names of the files in a folder, in order; none if there is no such folder."""
        if self.local:
            folder_there = self.local / folder
            found = [entry.name for entry in folder_there.iterdir()] if folder_there.is_dir() else []
        else:
            found = self._remote.names(folder)
        yield from (name for name in sorted(found) if not name.startswith("."))

    def walk(self) -> Iterator[str]:
        """The paths of all files below the base, in order."""
        if self.local:
            found = [path.relative_to(self.local).as_posix() for path in self.local.rglob("*") if path.is_file()]
        else:
            found = self._remote.walk()
        yield from (path for path in sorted(found) if not Path(path).name.startswith("."))

    def reader(self, path: str) -> Callable[[IO[bytes]], None]:
        """What writes a file's content, which is not checked, into another file; FileNotFoundError if it is gone."""

        def write(target: IO[bytes]) -> None:
            source = self.local / path if self.local else self._remote.copy(path, self._remote.state(path))[0]
            with source.open("rb") as file:
                shutil.copyfileobj(file, target, BLOCK)

        return write

    def remove(self, path: str) -> None:
        """Delete a file that nothing needs any more; one that is gone already is no fault."""
        if self.local:
            (self.local / path).unlink(missing_ok=True)
        else:
            self._remote.remove(path)

    def sweep(self, older_s: float = UNFINISHED_S) -> int:
        """Remove what writers that were killed have left: unfinished files of this age; returns how many there were."""
        removed = 0
        for part in (self.local or self._remote.copies).rglob(".*.part"):
            with suppress(FileNotFoundError):  # its writer lives, and has just finished it
                if part.stat().st_mtime < time.time() - older_s:
                    part.unlink()
                    removed += 1
        return removed

    def locate(self, path: str) -> str:
        """The full path or URL of a file, as it may be shown and kept."""
        return without_secrets(str(self._base / path if path else self._base))

    def _state(self, path: str) -> object:
        """What changes when somebody writes to a file."""
        if self.local:
            found = (self.local / path).stat()
            return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
        return self._remote.state(path)

    def _brought(self, path: str, state: str) -> tuple[Path, str]:
        """The copy of a remote file, and its digest; a wrong one may be this machine's fault, or the network's."""
        copy, digest = self._remote.copy(path, state)
        return (copy, digest) if is_named_by(path, digest) else self._remote.copy(path, state, anew=True)

    def _new_part(self, folder: str) -> Path:
        if self.local is None:
            return self._remote.new_part()
        (self.local / folder).mkdir(parents=True, exist_ok=True)
        return self.local / folder / f".{secrets.token_hex(8)}.part"

    def _move_in(self, part: Path, path: str) -> None:
        """Bring a finished file to its place, so that at any moment it is there whole, or not at all."""
        if self.local:
            part.replace(self.local / path)
            sync_folder((self.local / path).parent)
            return
        self._remote.send(part, path)
        self._remote.keep(part, path, self._remote.state(path))


def is_named_by(path: str, digest: str) -> bool:
    """Whether a file whose content has this SHA-256 (hex) may lie at `path`."""
    return digest[:NAME_CHARS] == Path(path).name.partition(".")[0]
