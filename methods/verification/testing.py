"""The program that tries an answer on its tests, and how its report is read.

An answer runs in the same process as its tests, so it can reach the harness through its callers' frames and report what
it likes. What it prints, how it exits and what it replaces in the standard library does nothing; and whoever claims a
pass is tried again with a test that cannot pass (`with_trap`). One that reads the tests to tell that one apart gets by.
"""

import re
from collections.abc import Sequence

from evergrow.methods.text.answers import excerpt

DETAIL_CHARS = 200
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # another one in each run

_HARNESS = """
import builtins
# Its own ones, from here on: the answer may replace those that it sees itself.
__builtins__ = dict(vars(builtins))

def try_tests(code, tests, nonce):
    import os, sys
    write, leave, say_to = os.write, os._exit, os.dup(1)

    def report(*words):
        # Short enough for a pipe to take it in one piece, whatever else is written by threads of the answer.
        line = " ".join((nonce, *map(str, words))).replace("\\n", " ")
        write(say_to, ("\\n" + line + "\\n").encode("utf-8", "replace"))
        leave(0)

    def attempt(source, name, values):
        try:
            exec(compile(source, name, "exec", dont_inherit=True), values)
        except MemoryError:
            raise
        except BaseException as error:
            try:
                said = str(error)
            except Exception:
                said = ""
            return (type(error).__name__ + ": " + said)[:300].rstrip(": ")

    module = type(sys)("answer")
    sys.modules["answer"] = module
    module.__dict__["__builtins__"] = builtins
    fault = attempt(code, "answer.py", module.__dict__)
    if fault is not None:
        report("unloaded", fault)
    for number, test in enumerate(tests, 1):
        fault = attempt(test, "test.py", dict(module.__dict__))
        if fault is not None:
            report("failed", number, fault)
    report("passed", len(tests))
"""


def test_program(code: str, tests: Sequence[str], nonce: str) -> str:
    """A program that loads `code` as a module named `answer`, runs each of `tests` with its names, and reports.

    It stops at the first test that fails, and ends without waiting for threads. `nonce` marks the report: a text that
    nobody could guess who wrote `code`.
    """
    return f"{_HARNESS}\ntry_tests({code!r}, {list(tests)!r}, {nonce!r})\n"


def with_trap(tests: Sequence[str]) -> list[str]:
    """`tests` and one more, which begins as the last of them does and cannot pass: only a forged report says it did."""
    return [*tests, f"{tests[-1]}\nassert 1 == 2"]


def not_forged(stdout: str, tests: Sequence[str], nonce: str) -> bool:
    """Whether the report of a program with `with_trap(tests)` is true: all of `tests` passed, and the trap failed."""
    found = re.findall(rf"^{nonce} (.*)$", stdout, re.MULTILINE)
    return bool(found) and found[-1].startswith(f"failed {len(tests) + 1} ")


def read_fault(stdout: str, tests: Sequence[str], nonce: str) -> str | None:
    """What the report in the output of `test_program` holds against the answer; None if it passed every test."""
    found = re.findall(rf"^{nonce} (.*)$", stdout, re.MULTILINE)
    if not found:
        return "the program ended before all of its tests were done"
    match found[-1].split(" ", 2):
        case ["passed", number] if number == str(len(tests)):
            return None
        case ["unloaded", *words]:
            return f"does not load: {_shown(' '.join(words))}"
        case ["failed", number, said] if number in {str(n) for n in range(1, len(tests) + 1)}:
            return f"test {number}, {excerpt(tests[int(number) - 1])!r}: {_shown(said)}"
        case _:
            return "the report of the tests was tampered with"


def _shown(said: str) -> str:
    return excerpt(_ADDRESS.sub("0x…", said), DETAIL_CHARS)
