"""A machine that lets a process open few files: more are asked for, and what is too few is one sentence."""

import errno
import subprocess
import sys

import pytest

from evergrow.resources.host.open_files import NEEDED, too_many_files

PROGRAM = """
import resource, sys
from evergrow.resources.host.open_files import TooFewFilesError, require_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
try:
    require_open_files(reading="reading" in sys.argv)
except TooFewFilesError as error:
    print(error)
else:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limited(soft: int, hard: int, *words: str) -> str:
    command = [sys.executable, "-c", PROGRAM, str(soft), str(hard), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_more_files_are_asked_for_than_a_shell_may_open_by_itself() -> None:
    assert limited(64, 4096) == str(NEEDED)
    assert limited(1000, 4096) == "1000"


def test_too_few_are_one_sentence_with_what_to_raise() -> None:
    said = limited(64, 64)

    assert said == (
        "too many open files: a process may have 64 open at once here, and this takes up to 256; have more "
        "allowed (ulimit -n; LimitNOFILE of a service; --ulimit nofile of a container), then repeat the command"
    )
    assert limited(64, 64, "reading") == "64"
    assert limited(16, 16, "reading").startswith("too many open files: a process may have 16 open at once here")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files", "a.out"),
        OSError(errno.ENFILE, "Too many open files in system"),
        RuntimeError("round_01 failed: [Errno 24] Too many open files: '/x.err'"),
        RuntimeError("called `Result::unwrap()` on an `Err` value: Os { code: 24, kind: TooManyOpenFiles }"),
    ],
)
def test_it_is_known_by_whatever_it_is_told(error: Exception) -> None:
    wrapped = ValueError("outside")
    wrapped.__cause__ = error

    assert too_many_files(wrapped)
    assert not too_many_files(ValueError("no such file"))
