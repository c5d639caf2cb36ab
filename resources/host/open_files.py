"""How many files a process may have open at once: what a command needs is asked for before it begins."""

import errno
import re
import resource

from evergrow.resources.host.full_disk import RESUME, chain

NEEDED, NEEDED_TO_READ = 256, 32  # databases, connections to endpoints, pipes of programs; fewer are open mostly
MORE = "have more allowed (ulimit -n; LimitNOFILE of a service; --ulimit nofile of a container)"
RAISE = f"{MORE}, then {RESUME}"
_NUMBERS = (errno.EMFILE, errno.ENFILE)
_WORDS = ("too many open files", "toomanyopenfiles")  # polars panics in the second
_OF_A_SERVER = re.compile(r"http \d{3}\b.*")  # what it says of itself


class TooFewFilesError(OSError):
    """A process may have too few files open at once; the message says how many, and the remedy."""

    def __init__(self, limit: int, needed: int) -> None:
        super().__init__(
            errno.EMFILE,
            f"too many open files: a process may have {limit:,} open at once here, and this takes up to {needed:,}; "
            f"{MORE}, then repeat the command",
        )

    def __str__(self) -> str:
        return str(self.strerror)


def require_open_files(*, reading: bool = False) -> None:
    """Have this process, and those that it starts, be allowed to open as many files as a command may need.

    Raises:
        TooFewFilesError: nobody but the administrator can allow that.
    """
    needed = NEEDED_TO_READ if reading else NEEDED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFilesError(hard, needed)
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def too_many_files(error: BaseException, *, by_words: bool = True) -> bool:
    """Whether an error, or one that it came of, is that no more files may be opened.

    by_words: texts may tell it, too.
    """
    return any(
        (isinstance(one, OSError) and one.errno in _NUMBERS) or (by_words and _told(str(one).lower()))
        for one in chain(error)
    )


def _told(text: str) -> bool:
    here = _OF_A_SERVER.sub("", text)
    return any(words in here for words in _WORDS)
