"""Files of the lake: immutable, named by the SHA-256 of their content, and checked against that name when read.

A file is hashed once a process, and again when its size, its times or its place on the disk have changed since.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from upath import UPath

from evergrow.resources.host.files import sync_folder
from evergrow.resources.host.full_disk import naming_full_disk

NAME_CHARS = 16  # of the hexadecimal digest, in a file's name
BLOCK = 1 << 20
SCRUB = "`evergrow scrub` names all such files and makes again what costs nothing"


class DamagedFile(Exception):  # noqa: N818 - it says what the file is
    """A file is gone, or its content is not what its name says; the message names it and the remedy."""


class Files:
    """Files below a folder or fsspec URL. Several processes and machines may use them at once.

    Args:
        url: where they are.

    Attributes:
        unhashed: a file that is there counts as whole: for who looks at very many at once, and reads none of them.
    """

    def __init__(self, url: str | Path) -> None:
        self.unhashed = False
        self._base = UPath(url)
        self.local = Path(self._base.path) if self._base.protocol in ("", "file") else None
        self._whole: dict[str, object] = {}  # by path: the state of the file in which its content was right

    def put(self, folder: str, suffix: str, write: Callable[[IO[bytes]], object]) -> tuple[str, str]:
        """Store what `write` writes; returns its path below the base, and its digest.

        Equal content is the same file: one that is there and whole stays, one that is damaged is replaced.

        Raises:
            OSError: it cannot be written; nothing was.
        """
        with naming_full_disk(f"the lake {self._base}"):
            return self._put(folder, suffix, write)

    def _put(self, folder: str, suffix: str, write: Callable[[IO[bytes]], object]) -> tuple[str, str]:
        (self._base / folder).mkdir(parents=True, exist_ok=True)
        beside = self.local / folder if self.local else Path(tempfile.gettempdir())
        part = beside / f".{secrets.token_hex(8)}.part"
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
        self.require(path, remedy)
        return (self._base / path).read_bytes()

    def require(self, path: str, remedy: str = SCRUB) -> None:
        """Refuse a file that is damaged.

        Raises:
            DamagedFile: it is gone, or is not what its name says.
        """
        if damage := self.damage(path):
            raise DamagedFile(f"the file {self.locate(path)} {damage}: it is not used; {remedy}")

    def damage(self, path: str) -> str | None:
        """What is wrong with a file, in words that follow its name; None if its content is what its name says."""
        try:
            state = self._state(path)
            if self.unhashed or state == self._whole.get(path):
                return None
            with (self._base / path).open("rb") as file:
                digest = hashlib.sha256()
                while block := file.read(BLOCK):
                    digest.update(block)
        except FileNotFoundError:
            return "is gone"
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        if not is_named_by(path, digest.hexdigest()):
            return "was changed or cut: its content is not what its name says"
        self._whole[path] = state
        return None

    def names(self, folder: str) -> Iterator[str]:
        """Names of the files in a folder, in order; none if there is no such folder."""
        try:
            found = sorted(entry.name for entry in (self._base / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        yield from (name for name in found if not name.startswith("."))

    def walk(self) -> Iterator[str]:
        """The paths of all files below the base, in order."""
        if self.local:
            found = (path.relative_to(self.local).as_posix() for path in self.local.rglob("*") if path.is_file())
        else:
            self._base.fs.invalidate_cache()
            root = self._base.path.strip("/")
            found = (str(path).strip("/")[len(root) :].strip("/") for path in self._base.fs.find(self._base.path))
        yield from sorted(path for path in found if not Path(path).name.startswith("."))

    def reader(self, path: str) -> Callable[[IO[bytes]], None]:
        """What writes a file's content, which is not checked, into another file; FileNotFoundError if it is gone."""

        def write(target: IO[bytes]) -> None:
            with (self._base / path).open("rb") as file:
                while block := file.read(BLOCK):
                    target.write(block)

        return write

    def remove(self, path: str) -> None:
        """Delete a file that nothing needs any more; one that is gone already is no fault."""
        target = self._base / path
        target.fs.invalidate_cache(target.parent.path)
        target.unlink(missing_ok=True)

    def locate(self, path: str) -> str:
        """The full path or URL of a file."""
        return str(self._base / path)

    def _state(self, path: str) -> object:
        """What changes when somebody writes to a file."""
        if self.local:
            found = (self.local / path).stat()
            return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
        target = self._base / path
        target.fs.invalidate_cache(target.parent.path)
        return target.fs.ukey(target.path)

    def _move_in(self, part: Path, path: str) -> None:
        """Bring a finished file to its place, so that at any moment it is there whole, or not at all."""
        target = self._base / path
        if self.local:
            part.replace(self.local / path)
            sync_folder((self.local / path).parent)
            return
        # Not every store puts whole objects: an upload that was cut off must not lie under the name of the whole.
        uploaded = target.with_name(f".{part.name}")
        try:
            target.fs.put(str(part), uploaded.path)
            target.fs.mv(uploaded.path, target.path)
        except BaseException:
            if target.fs.exists(uploaded.path):
                target.fs.rm(uploaded.path)
            raise


def is_named_by(path: str, digest: str) -> bool:
    """Whether a file whose content has this SHA-256 (hex) may lie at `path`."""
    return digest[:NAME_CHARS] == Path(path).name.partition(".")[0]
