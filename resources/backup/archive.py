"""A folder of backups: contents by their SHA-256, each held once, and a page a backup that says which is what."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from evergrow.resources.host.destinations import naming
from evergrow.resources.host.files import atomic_write, digest_of, sync_folder

FORM = 1  # of the folder; a later evergrow that changes it still reads this one
BLOCK = 1 << 20
SUFFIX = ".backup.json"  # of a page
Kind = Literal["sqlite", "postgresql"]


def _inner(path: str) -> str:
    """A path that stays below the folder it is joined to."""
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"the path {path!r} leads elsewhere")
    return path


def _of_lake(path: str) -> str:
    if "\\" in path:  # the lake names its files itself; in a home a backslash is a character like others
        raise ValueError(f"the path {path!r} is none of a lake")
    return _inner(path)


Inner = Annotated[str, AfterValidator(_inner)]
OfLake = Annotated[str, AfterValidator(_of_lake)]


class BackupError(Exception):
    """A backup cannot be made, read or restored; the message names what, the cause and the remedy."""


class BackupNameError(BackupError):
    """A folder that was named is none of backups, or holds none of that name; the message says what there is."""


class Entry(BaseModel):
    """A content of the store: its SHA-256 (hex) and its size in bytes."""

    model_config = ConfigDict(frozen=True)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Backup(BaseModel):
    """What one backup holds.

    Attributes:
        form: of the store.
        name: when it was made, in UTC; also the name of its page.
        evergrow, dagster: versions of the programs that made it.
        revision: of the database's schema.
        ledger, events: which kind of database held the ledger and the event log.
        home: where the home was.
        lake_held: False: the lake's files are not in it.
        files: what it holds of databases and home, by their path.
        lake: what it holds of the lake, by the path below it.
    """

    model_config = ConfigDict(frozen=True)
    form: int = FORM
    name: str
    evergrow: str
    dagster: str
    revision: str
    ledger: Kind
    events: Kind
    home: Path
    lake_held: bool
    files: Mapping[Inner, Entry]
    lake: Mapping[OfLake, Entry]


class BackupStore:
    """The folder. One process at a time may write to it; a backup exists once its page does.

    Args:
        folder: where it is; made by the first backup.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            BackupNameError: it holds something else.
            UnwritableError: it cannot be made.
        """
        with naming(self.folder):
            if self.folder.is_dir() and any(self.folder.iterdir()) and not self._contents.is_dir():
                raise BackupNameError(
                    f"{self.folder} holds something that is no backup: name an empty folder, or one of backups"
                )
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._contents.mkdir(mode=0o700, exist_ok=True)
            self._contents.chmod(0o700)  # of an earlier evergrow; it may hold passwords of databases

    def take(self, write: Callable[[IO[bytes]], object]) -> Entry:
        """Keep what `write` writes, durably; equal content is kept once."""
        part = self._contents / f".{secrets.token_hex(8)}.part"
        try:
            with open(part, "x+b", opener=_private) as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                size = file.tell()
                file.seek(0)
                entry = Entry(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=size)
            target = self._place(entry)
            if not self.sound(entry):
                target.parent.mkdir(exist_ok=True)
                part.replace(target)
                sync_folder(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return entry

    def take_file(self, source: Path) -> Entry:
        """Keep the content of a file as it is read."""
        with source.open("rb") as read:
            return self.take(lambda file: shutil.copyfileobj(read, file, BLOCK))

    def give(self, entry: Entry, write: Callable[[bytes], object]) -> None:
        """Write a content out, block by block.

        Raises:
            BackupError: it is gone, or is not what was kept; what was written by then is worth nothing.
        """
        digest = hashlib.sha256()
        try:
            with self._place(entry).open("rb") as file:
                while block := file.read(BLOCK):
                    digest.update(block)
                    write(block)
        except FileNotFoundError:
            raise BackupError(
                f"{self._place(entry)} is gone: take another backup (--at), or another copy of it"
            ) from None
        if digest.hexdigest() != entry.sha256:
            raise BackupError(
                f"{self._place(entry)} was changed or cut: take another backup (--at), or another copy of {self.folder}"
            )

    def give_file(self, entry: Entry, target: Path) -> None:
        """Write a content to a new file, durably. Raises as `give`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            self.give(entry, file.write)
            file.flush()
            os.fsync(file.fileno())

    def holds(self, entry: Entry) -> bool:
        """Whether a content is there, by its size."""
        try:
            return self._place(entry).stat().st_size == entry.bytes
        except FileNotFoundError:
            return False

    def sound(self, entry: Entry) -> bool:
        """Whether a content is there and is what was kept; reads all of it."""
        try:
            return digest_of(self._place(entry)) == entry.sha256
        except FileNotFoundError:
            return False

    def finish(self, backup: Backup) -> None:
        """Write the page that makes the backup exist."""
        page = self._page(backup.name)
        atomic_write(page, backup.model_dump_json(indent=1).encode())
        page.chmod(0o600)

    def names(self) -> list[str]:
        """All backups, the oldest first."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self.folder.glob(f"*{SUFFIX}"))

    def read(self, name: str | None = None) -> Backup:
        """A backup, the latest if none is named.

        Raises:
            BackupNameError: there is none.
            BackupError: its page cannot be read.
        """
        names = self.names()
        if not names:
            raise BackupNameError(f"{self.folder} holds no backup: `evergrow backup {self.folder}` makes one")
        if name is not None and name not in names:
            raise BackupNameError(f"{self.folder} holds no backup {name!r}; there are: {', '.join(names)}")
        page = self._page(name or names[-1])
        try:
            return Backup.model_validate_json(page.read_bytes())
        except ValidationError as error:
            raise BackupError(
                f"{page} cannot be read ({error.errors()[0]['msg']}): take another backup (--at), or the evergrow that "
                "made it"
            ) from error

    def new_name(self) -> str:
        """A name for a backup that is made now: later ones sort after it."""
        return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"

    @property
    def _contents(self) -> Path:
        return self.folder / "contents"

    def _page(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _place(self, entry: Entry) -> Path:
        return self._contents / entry.sha256[:2] / entry.sha256


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
