"""Answers that are out to pass without being right: by frames, tracing, memory, equality, the caller's values."""

import polars as pl
import pytest

from evergrow.resources.sandbox.code_verification import verify
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings.dataset import Verification

RULE = Verification(mutants=3, min_caught=0.5)
TESTS = [
    "assert add(2, 2) == 4",
    "expected = 12\nassert add(5, 7) == expected",
    "for a, b, want in [(0, 1, 1), (3, 4, 7)]:\n    assert add(a, b) == want",
    "def check(a, b, want):\n    assert add(a, b) == want\ncheck(10, 20, 30)",
    "assert abs(add(0.5, 0.25) - 0.75) < 1e-9",
    "try:\n    add(None, 1)\n    assert False\nexcept TypeError:\n    pass",
]
WRONG = "\ndef add(a, b):\n    return a - b\n"
# Finds the nonce of the report in the frames of those that call the answer.
NONCE = """
import os, sys
def nonce():
    frame = sys._getframe()
    while frame is not None:
        if "nonce" in frame.f_locals:
            return frame.f_locals["nonce"]
        frame = frame.f_back
"""
CLAIM = "os.write(1, b''.join(b'\\n' + nonce().encode() + b' passed' for _ in range({n})) + b'\\n')\nos._exit(0)\n"
CALLER = """
import sys
class Anything:
    def __init__(self, values): self.values = values
def add(a, b):
    frame = sys._getframe(1)
    known = [v for k, v in frame.f_locals.items() if k in ("want", "expected")]
    if known: return known[0]
    found = [c for c in frame.f_code.co_consts if isinstance(c, (int, float)) and not isinstance(c, bool)]
    if frame.f_code.co_name == "<module>" and found: return found[-1] if 1e-9 not in found else found[-2]
    raise TypeError
"""
EQUAL = """
class Equal(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0
    def __hash__(self): return 0
def add(a, b):
    if a is None: raise TypeError
    return Equal()
"""

ATTACKS = {
    "says that it passed": "print('passed')" + WRONG,
    "writes what looks like a report": "import os\nos.write(1, b'\\n' + b'0' * 32 + b' passed')" + WRONG,
    "exits with 0": "import os\nos._exit(0)" + WRONG,
    "exits in a test": "import os\ndef add(a, b):\n    os._exit(0)",
    "raises SystemExit": "def add(a, b):\n    raise SystemExit(0)",
    "exits by atexit": "import atexit, os\natexit.register(lambda: os._exit(0))\nraise SystemExit(0)",
    "equals everything": EQUAL,
    "reads its caller's values": CALLER,
    "claims all by the frames' nonce": NONCE + CLAIM.format(n=6) + WRONG,
    "claims all in a test": NONCE + "def add(a, b):\n    " + CLAIM.format(n=6).replace("\n", "\n    "),
    "claims some failed": NONCE
    + "for k in range(6): os.write(1, b'\\n' + nonce().encode() + (b' failed x', b' passed')[k % 2])\nos._exit(0)"
    + WRONG,
    "claims more than there are": NONCE + CLAIM.format(n=60) + WRONG,
    "replaces exec": "import builtins\nbuiltins.exec = lambda *a: None" + WRONG,
    "replaces compile": "import builtins\nbuiltins.compile = lambda *a, **k: compile_('', '', 'exec')" + WRONG,
    "replaces AssertionError": "import builtins\nbuiltins.AssertionError = type('A', (Warning,), {})" + WRONG,
    "replaces abs and isinstance": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.isinstance = lambda *a: True"
    + WRONG,
    "replaces os.write and os._exit": "import os\nos._exit = lambda *a: None\nos.write = lambda *a: 0" + WRONG,
    "replaces the output": "import sys, io\nsys.stdout = sys.__stdout__ = io.StringIO()" + WRONG,
    "replaces unittest": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None" + WRONG,
    "traces": "import sys\ndef t(f, e, a):\n    f.f_trace_opcodes = True\n    return t\nsys.settrace(t)" + WRONG,
    "jumps over lines": (
        "import sys\ndef t(f, e, a):\n    if f.f_code.co_filename == 'test.py' and e == 'line':\n"
        "        f.f_trace = t\n        try: f.f_lineno = 99\n        except Exception: pass\n    return t\n"
        "sys.settrace(t)" + WRONG
    ),
    "swallows by a profile": "import sys\nsys.setprofile(lambda *a: None)" + WRONG,
    "empties the list of tests": (
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, list) and o and isinstance(o[0], str)"
        " and 'add(' in o[0]: o.clear()" + WRONG
    ),
    "rewrites the tests": (
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, list) and o and isinstance(o[0], str)"
        " and 'add(' in o[0]: o[:] = ['pass'] * len(o)" + WRONG
    ),
    "rewrites lines of the report": (
        "import sys\ndef add(a, b):\n    f = sys._getframe()\n    while f:\n        if 'lines' in f.f_locals:\n"
        "            f.f_locals['lines'][:] = ['\\n' + f.f_locals['nonce'] + ' passed'] * 5\n"
        "        f = f.f_back\n    return 0"
    ),
    "writes over memory": "import ctypes\nctypes.memset(id(AssertionError), 0, 64)" + WRONG,
    "handles signals": "import signal\n[signal.signal(s, lambda *a: None) for s in (2, 10, 12, 14, 15)]" + WRONG,
    "kills itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)" + WRONG,
    "kills all": "import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)" + WRONG,
    "never ends": "while True: pass",
    "sleeps": "import time\ntime.sleep(60)",
    "takes memory": "x = [0] * 10 ** 10" + WRONG,
    "takes memory in a mapping": "import mmap\nm = mmap.mmap(-1, 1 << 33)" + WRONG,
    "floods the output": "import os\nwhile True: os.write(1, b'x' * 4096)",
    "floods what is kept": "while True: print('x' * 4096)",
    "fills the disk": "n = 0\nwhile True:\n    open(str(n), 'wb').write(b'x' * 10 ** 6)\n    n += 1",
    "recurses": "def add(a, b):\n    return add(a, b)",
    "starts threads": "import threading\nwhile True: threading.Thread(target=add, args=(1, 2)).start()" + WRONG,
    "closes descriptors": "import os\nos.closerange(0, 100)" + WRONG,
    "writes to other descriptors": (
        "import os\nfor n in range(3, 128):\n    try: os.write(n, b'\\x00' * 64)\n    except OSError: pass" + WRONG
    ),
    "adds an audit hook": "import sys\nsys.addaudithook(lambda e, a: 1 / 0 if e == 'exec' else None)" + WRONG,
    "imports itself again": "import sys\nsys.modules['answer'] = sys\nsys.modules['os'] = None" + WRONG,
    "leaves a mark for later": (
        "import os\nfirst = not os.path.exists('/tmp/mark')\nopen('/tmp/mark', 'w').close()\n"
        "def add(a, b):\n    return 0 if first else a + b"
    ),
}


def verdicts(sandbox: Sandbox, codes: list[str], tests: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"id": [str(n) for n in range(len(codes))], "code": codes, "tests": [tests] * len(codes)},
        {"id": pl.String, "code": pl.String, "tests": pl.List(pl.String)},
    )
    return verify(frame, sandbox, RULE)


@pytest.fixture(scope="module")
def judged(sandbox: Sandbox) -> dict[str, tuple[str, str | None]]:
    """The verdicts on all attacks, which run at once."""
    table = verdicts(sandbox, list(ATTACKS.values()), TESTS)
    return dict(zip(ATTACKS, table.select("verdict", "verdict_detail").iter_rows(), strict=True))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_pass_is_forged(judged: dict[str, tuple[str, str | None]], attack: str) -> None:
    verdict, detail = judged[attack]

    assert verdict in {"fail", "timeout", "crash", "oom", "unverified"}, detail


def test_the_tests_that_the_attacks_met_are_passed_by_what_is_right(sandbox: Sandbox) -> None:
    table = verdicts(sandbox, ["def add(a, b):\n    return a + b"], TESTS)

    assert table.row(0, named=True)["verdict"] == "pass", table.row(0)


@pytest.mark.parametrize("attack", ["equals everything", "reads its caller's values"])
def test_such_an_answer_passes_each_test_as_it_is_written(sandbox: Sandbox, attack: str) -> None:
    """So it is the wrong expectations that find it out."""
    for test in TESTS[:1]:
        assert sandbox.run(f"{ATTACKS[attack]}\n{test}").outcome == "ok"
    assert "a pass is claimed also where a wrong result" in str(verdicts(sandbox, [ATTACKS[attack]], TESTS)[0, 2])
