"""A disk that takes no more: how each store says so, and the one sentence in which a person is told."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

REASONS = {
    errno.ENOSPC: ("the disk is full", "free space there"),
    errno.EDQUOT: ("the disk quota is used up", "free space there, or raise the quota"),
    errno.EFBIG: ("a limit on file sizes was reached", "raise it (ulimit -f)"),
    errno.EIO: ("the disk refuses to write", "look after its space, its quota, limits (ulimit -f) and its health"),
}
RESUME = "repeat the command: what was saved stays, and nothing is paid twice"
# How SQLite, PostgreSQL, polars and Arrow say it.
_WORDS = {
    "no space left on device": errno.ENOSPC,
    "disk is full": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "file too large": errno.EFBIG,
}
# Of what is no missing space SQLite tells no more than that it could not write.
_SQLITE = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_IOERR_WRITE": errno.EIO, "SQLITE_IOERR_FSYNC": errno.EIO}


class DiskFullError(OSError):
    """A store's disk takes no more; the message names the store, the reason and the remedy."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(number, full_disk_message(what, number))

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def naming_full_disk(what: str) -> Iterator[None]:
    """Where a disk takes no more, raise one error that says so of `what`, a store with its path.

    Raises:
        DiskFullError: it does not.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if (number := full_disk(error)) is None:
            raise
        raise DiskFullError(what, number) from error


def full_disk(error: BaseException) -> int | None:
    """The errno, one of `REASONS`, if the error or one that it came of is a disk that takes no more."""
    for one in chain(error):
        if isinstance(one, OSError):
            if one.errno in REASONS:
                return one.errno
        elif isinstance(one, sqlite3.Error) and (known := _SQLITE.get(getattr(one, "sqlite_errorname", ""))):
            return known
        lower = str(one).lower()
        if told := next((number for words, number in _WORDS.items() if words in lower), None):
            return told
    return None


def full_disk_message(what: str, number: int) -> str:
    """The sentence: `what` cannot be written, why, and what helps."""
    reason, remedy = REASONS[number]
    return f"{what} cannot be written: {reason}; {remedy}, then {RESUME}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of, the error that a database's wraps included; each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [getattr(one, "orig", None), one.__cause__, one.__context__]
