"""Files on an object store: reached with bounded retries, and read as copies that are kept on this machine.

A table is never scanned over the network: what a scan reads of a file says nothing about the rest of it, so that its
content could not be held against its name. A file is brought here once, hashed on its way, and scanned lazily here; as
it never changes, later reads cost one question to the store, whether it is still the same object.
"""

import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evergrow.resources.host.files import digest_of
from evergrow.resources.host.urls import without_secrets

if TYPE_CHECKING:
    from upath import UPath

T = TypeVar("T")
ATTEMPTS = 5
PAUSE_S = 0.4  # before the second attempt; doubled before each further one
WHOLE_PUTS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")  # an object is there whole, or it is not there
# Of s3fs: one attempt at a time, each with a limit; what is tried again, and how often, is decided here.
OPTIONS: dict[str, dict[str, Any]] = {
    name: {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 1}},
    }
    for name in ("s3", "s3a")
}
LIBRARIES = {"botocore", "aiobotocore", "aiohttp", "google", "gcsfs", "azure", "adlfs", "fsspec"}
IN_USE_S = 3600.0  # a copy that was used in this time is kept, whatever its size: a scan may not have opened it yet
log = logging.getLogger(__name__)


class StoreUnreachable(OSError):  # noqa: N818 - it says what the store is
    """The object store did not do what was asked of it; the message names the file, the cause and the remedy."""


def base_of(url: str) -> "UPath":
    """The folder that a URL names, as `RemoteFiles` takes it."""
    from upath import UPath  # noqa: PLC0415 - a twentieth of a reading command, where the lake is a local folder

    base: UPath = UPath(url, **OPTIONS.get(url.partition("://")[0], {}))
    return base


class RemoteFiles:
    """Files below a URL, and the folder of their copies. Several processes and machines may use both at once.

    Args:
        base: where the files are.
        copies: folder of the copies; made when it is needed.
        most_bytes: of all copies together; those that were not used for longest go first, and none that was used within
            the last hour.
    """

    def __init__(self, base: "UPath", copies: Path, most_bytes: int) -> None:
        self._base, self.copies, self._most_bytes = base, copies, most_bytes
        self._hashed: dict[Path, tuple[object, str]] = {}
        self._added: int | None = None  # bytes since the copies were counted last

    def state(self, path: str) -> str:
        """What changes when somebody writes to a file.

        Raises:
            FileNotFoundError: it is gone.
            StoreUnreachable: the store does not answer.
        """
        return str(self._tried("read", path, lambda fs, place: fs.ukey(place)))

    def copy(self, path: str, state: str, *, anew: bool = False) -> tuple[Path, str]:
        """A copy of a file as it is in `state`, and the SHA-256 (hex) of its content; it is brought here if need be.

        Raises:
            FileNotFoundError: it is gone.
            StoreUnreachable: the store does not answer.
        """
        copy = self.copies / path
        if not anew and (held := self._held(path, state)):
            return copy, held
        part = self.new_part()
        try:
            self._tried("read", path, lambda fs, place: fs.get_file(place, str(part)))
            digest = digest_of(part)
            self.keep(part, path, state)
        finally:
            part.unlink(missing_ok=True)
        return copy, digest

    def _held(self, path: str, state: str) -> str | None:
        """The digest of the copy that is here, if it is of this state; another process may make room any time."""
        copy = self.copies / path
        try:
            known = Path(f"{copy}.state").read_text(encoding="utf-8")
            return self._digest(copy) if known == state else None
        except FileNotFoundError:
            return None

    def _digest(self, copy: Path) -> str:
        """Of a copy that is used now; hashed once a process, and again when it has changed since."""
        found = copy.stat()
        os.utime(copy, ns=(time.time_ns(), found.st_mtime_ns))
        known, digest = self._hashed.get(copy, (None, ""))
        seen = (found.st_size, found.st_mtime_ns, found.st_ino)
        if known != seen:
            digest = digest_of(copy)
            self._hashed[copy] = (seen, digest)
        return digest

    def keep(self, part: Path, path: str, state: str) -> None:
        """Make a file of this machine the copy of a file as it is in `state`."""
        copy = self.copies / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        size = part.stat().st_size
        (self.copies / f"{path}.state").unlink(missing_ok=True)  # of another content, for as long as it lies there
        part.replace(copy)
        note = self.new_part()
        note.write_text(state, encoding="utf-8")
        note.replace(self.copies / f"{path}.state")
        self._make_room(size)

    def new_part(self) -> Path:
        """A name for a file that becomes a copy."""
        self.copies.mkdir(parents=True, exist_ok=True)
        return self.copies / f".{secrets.token_hex(8)}.part"

    def send(self, part: Path, path: str) -> None:
        """Bring a finished file to its place, so that at any moment it is there whole, or not at all.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        self._tried("written", path, lambda fs, place: _put(fs, part, place, self._base.protocol))

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder; none if there is no such folder."""

        def listed(fs: Any, place: str) -> list[str]:  # noqa: ANN401 - fsspec has no types
            found = fs.ls(place, detail=True)
            return [str(entry["name"]).rpartition("/")[2] for entry in found if entry["type"] == "file"]

        try:
            return self._tried("listed", folder, listed)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def walk(self) -> list[str]:
        """The paths of all files below the base."""
        root = self._base.path.strip("/")
        found = self._tried("listed", "", lambda fs, place: list(fs.find(place)))
        return [str(path).strip("/")[len(root) :].strip("/") for path in found]

    def remove(self, path: str) -> None:
        """Delete a file; one that is gone already is no fault."""
        with suppress(FileNotFoundError):
            self._tried("deleted", path, lambda fs, place: fs.rm_file(place))
        for copy in (self.copies / path, self.copies / f"{path}.state"):
            copy.unlink(missing_ok=True)

    def _tried(self, what: str, path: str, act: Callable[[Any, str], T]) -> T:
        """What `act` returns, given the file system and the place in it; tried again while the fault may pass."""
        target = self._base / path if path else self._base
        fs = target.fs
        fs.retries = 1  # of s3fs, which would try again beneath
        for attempt in range(1, ATTEMPTS + 1):
            fs.invalidate_cache()
            try:
                return act(fs, target.path)
            except Exception as error:
                if not _may_pass(error) or attempt == ATTEMPTS:
                    raise _named(error, target, what, attempt) from error
                shown = without_secrets(str(target))
                log.warning("%s could not be %s (attempt %d of %d): %s", shown, what, attempt, ATTEMPTS, _words(error))
                time.sleep(PAUSE_S * 2 ** (attempt - 1))
        raise AssertionError  # the last attempt returns or raises

    def _make_room(self, added: int) -> None:
        """Delete copies while they are more than may be kept; the folder is looked through once in a while only."""
        if self._added is not None and self._added + added < self._most_bytes // 20:
            self._added += added
            return
        self._added, found = 0, sorted(_used(self.copies))
        size = sum(bytes_ for _, bytes_, _ in found)
        for used, bytes_, path in found:
            if size <= self._most_bytes or used > time.time() - IN_USE_S:
                return
            path.with_name(f"{path.name}.state").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            size -= bytes_


def _used(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for path in folder.rglob("*"):
        if path.suffix not in (".state", ".part"):
            try:
                found = path.stat()
            except FileNotFoundError:  # another process has just made room
                continue
            if stat.S_ISREG(found.st_mode):
                yield found.st_atime, found.st_size, path


def _put(fs: Any, part: Path, place: str, protocol: str) -> None:  # noqa: ANN401 - fsspec has no types
    if protocol in WHOLE_PUTS:
        fs.put_file(str(part), place)
        return
    # Elsewhere an upload that was cut off must not lie under the name of the whole.
    folder, _, name = place.rpartition("/")
    uploaded = f"{folder}/.{part.name}{name}"
    try:
        fs.makedirs(folder, exist_ok=True)
        fs.put(str(part), uploaded)
        fs.mv(uploaded, place)
    except BaseException:
        if fs.exists(uploaded):
            fs.rm(uploaded)
        raise


def _may_pass(error: Exception) -> bool:
    if isinstance(error, (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)):
        return False
    if type(error).__name__ in ("NoCredentialsError", "ParamValidationError", "InvalidAccessKeyId"):
        return False
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in LIBRARIES


def _named(error: Exception, target: "UPath", what: str, attempts: int) -> Exception:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return error
    if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in LIBRARIES:
        return error
    tries = f" in {attempts} attempts" if attempts > 1 else ""
    return StoreUnreachable(
        f"{without_secrets(str(target))} could not be {what}{tries}: {_words(error)}; see that the store answers and "
        "the credentials hold, then run again: what was paid for is kept"
    )


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
