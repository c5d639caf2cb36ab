"""The home folder: where everything that evergrow keeps lies, who may write it, and what is said when that fails."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from evergrow.resources.host import dagster_home
from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.full_disk import full_disk, full_disk_message

__all__ = ["Home", "HomeError", "atomic_write"]

PROBE = b"evergrow\n" * 512  # more than one block, so that a full disk shows
LOCK_WAIT_S = 60.0
REMEDIES = {
    errno.EROFS: "the file system is read-only: mount it writable",
    errno.EACCES: "this user may not write there: change the owner or the permissions",
    errno.EPERM: "this user may not write there: change the owner or the permissions",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter one",
    errno.ENOTDIR: "a file is in the way where a folder must be: move it",
    errno.EEXIST: "a file is in the way where a folder must be: move it",
}


class HomeError(Exception):
    """The home folder cannot be used; the message names the path, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of EVERGROW_HOME. Reading a path creates nothing; `ensure` creates them all."""

    path: Path

    @property
    def lake(self) -> Path:
        """Tables of all assets."""
        return self.path / "lake"

    @property
    def ledger(self) -> Path:
        """SQLite file of every request to a model."""
        return self.path / "ledger.sqlite"

    @property
    def inbox(self) -> Path:
        """Folder that users drop seed files into."""
        return self.path / "inbox"

    @property
    def exports(self) -> Path:
        """Released datasets."""
        return self.path / "exports"

    @property
    def copies(self) -> Path:
        """Copies of the files of a remote lake; they are deleted without loss."""
        return self.path / "copies"

    @property
    def logs(self) -> Path:
        """Logs of the processes that evergrow starts."""
        return self.path / "logs"

    @property
    def locks(self) -> Path:
        """Lock files of what this machine's processes share: the folder itself, the inbox."""
        return self.path / "locks"

    @property
    def dagster(self) -> Path:
        """The DAGSTER_HOME: `dagster.yaml` and the storage of runs and events."""
        return self.path / "dagster"

    def ensure(self) -> "Home":
        """Create what is missing and prove that it can be written; safe to call from many processes at once.

        Raises:
            HomeError: the home, or a folder in it, cannot be created or written.
        """
        folders = (self.lake, self.inbox, self.exports, self.logs, self.locks, self.dagster)
        with self.writing():
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
            atomic_write(self.locks / "probe", PROBE)
            with self.lock("home"):
                self._prepare_dagster()
        return self

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the operating system's errors of writing into one `HomeError`."""
        try:
            yield
        except OSError as error:
            raise HomeError(self._explain(error)) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the short lock called `name`; others wait for it.

        Raises:
            HomeError: it stayed taken for `LOCK_WAIT_S` seconds.
        """
        path = self.locks / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path, timeout=LOCK_WAIT_S)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            message = (
                f"{path} is held by another process for over {LOCK_WAIT_S:.0f} s: end that process, then try again"
            )
            raise HomeError(message) from error
        try:
            yield
        finally:
            lock.release()

    def _prepare_dagster(self) -> None:
        try:
            dagster_home.prepare(self.dagster)
        except dagster_home.DagsterHomeError as error:
            raise HomeError(str(error)) from error

    def _explain(self, error: OSError) -> str:
        if number := full_disk(error):
            return full_disk_message(f"the home folder {self.path}", number)
        remedy = f"{REMEDIES[error.errno]}, or " if error.errno in REMEDIES else ""
        where = f" at {error.filename}" if error.filename and str(error.filename) != str(self.path) else ""
        return (
            f"cannot write to the home folder {self.path}{where}: {error.strerror or error}; "
            f"{remedy}set EVERGROW_HOME to another folder"
        )
