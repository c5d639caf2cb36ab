"""The program that tries an answer on its tests, and how its report is read.

An answer runs in the same process as its tests, so it could in principle forge the report, by looking for the nonce in
its callers' frames, say. What it prints, how it exits and what it replaces in the standard library cannot.
"""

import json
import re
from collections.abc import Sequence

from evergrow.methods.answers import excerpt

DETAIL_CHARS = 200
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")  # another one in each run

_HARNESS = """
def try_tests(code, tests, nonce):
    import json, os, sys
    dumps, write, leave, say_to = json.dumps, os.write, os._exit, os.dup(1)

    def report(passed, fault):
        # Short enough for a pipe to take it in one piece, whatever else is written by threads of the answer.
        write(say_to, ("\\n" + nonce + " " + dumps({"passed": passed, "fault": fault}) + "\\n").encode())
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
    fault = attempt(code, "answer.py", module.__dict__)
    if fault is not None:
        report([], [-1, fault])
    passed = []
    for number, test in enumerate(tests):
        fault = attempt(test, "test.py", dict(module.__dict__))
        if fault is not None:
            report(passed, [number, fault])
        passed.append(number)
    report(passed, None)
"""


def test_program(code: str, tests: Sequence[str], nonce: str) -> str:
    """A program that loads `code` as a module named `answer`, runs each of `tests` with its names, and reports.

    It stops at the first test that fails, and ends without waiting for threads. `nonce` marks the report: a text that
    nobody could guess who wrote `code`.
    """
    return f"{_HARNESS}\ntry_tests({code!r}, {list(tests)!r}, {nonce!r})\n"


def read_fault(stdout: str, tests: Sequence[str], nonce: str) -> str | None:
    """What the report in the output of `test_program` holds against the answer; None if it passed every test."""
    found = re.findall(rf"^{nonce} (\{{.*\}})$", stdout, re.MULTILINE)
    if not found:
        return "the program ended before all of its tests were done"
    try:
        report = json.loads(found[-1])
    except ValueError:
        report = None
    match report:
        case {"fault": None, "passed": passed} if passed == list(range(len(tests))):
            return None
        case {"fault": [-1, str(said)]}:
            return f"does not load: {_shown(said)}"
        case {"fault": [int(number), str(said)]} if 0 <= number < len(tests):
            return f"test {number + 1}, {excerpt(tests[number])!r}: {_shown(said)}"
        case _:
            return "the report of the tests was tampered with"


def _shown(said: str) -> str:
    return excerpt(_ADDRESS.sub("0x…", said), DETAIL_CHARS)
