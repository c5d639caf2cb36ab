"""Files and folders that a person names to be written: one sentence says which cannot be, why, and what helps."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evergrow.resources.host.full_disk import DiskFullError, full_disk

ELSEWHERE = "name another place"
# Of an errno: the cause, and the remedy.
CAUSES = {
    errno.EACCES: ("its owner lets you not", f"change its permissions, or {ELSEWHERE}"),
    errno.EPERM: ("the system does not allow it", f"change its permissions, or {ELSEWHERE}"),
    errno.EISDIR: ("it is a folder", "name a file in it"),
    errno.ENOTDIR: ("a part of its path is a file", ELSEWHERE),
    errno.EEXIST: ("a part of its path is a file", ELSEWHERE),
    errno.ENOENT: ("a folder of its path is not there, and cannot be made", f"make it, or {ELSEWHERE}"),
    errno.EROFS: ("it lies on a disk that is only read", ELSEWHERE),
    errno.ENAMETOOLONG: ("its name is too long", "name a shorter one"),
    errno.ELOOP: ("its links lead in a circle", ELSEWHERE),
}
_POLARS = re.compile(r"\(os error (\d+)\)")  # which leaves errno unset
_FOLDER = "is a directory"


class UnwritableError(OSError):
    """What a person named cannot be written; the message names it, the cause and the remedy."""

    def __init__(self, target: Path, number: int | None, said: str = "") -> None:
        cause, remedy = CAUSES.get(number or 0, (said or "the system refuses", ELSEWHERE))
        super().__init__(number or 0, f"{target} cannot be written: {cause}; {remedy}")

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Write `target` in the context, a file or a folder; the folders above it are made. Raises as `naming` does."""
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        yield


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Where the context, which writes nothing else, cannot write `target`, raise one error that says so.

    Raises:
        UnwritableError: it cannot be written.
        DiskFullError: the disk takes no more.
    """
    try:
        yield
    except (UnwritableError, DiskFullError):
        raise
    except Exception as error:
        if number := full_disk(error):
            raise DiskFullError(f"the file {target}", number) from error
        number = _number(error)
        if number is None and not isinstance(error, OSError):
            raise
        raise UnwritableError(target, number, os.strerror(number) if number else str(error)) from error


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := _POLARS.search(str(error)):
        return int(found[1])
    return errno.EISDIR if isinstance(error, OSError) and _FOLDER in str(error) else None
