"""Verdicts on answers that are code."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.code_verification import SCHEMA, verify
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings.dataset import Verification
from tests.resources.sandbox.conftest import opened

RULE = Verification(mutants=5, min_caught=0.5)
CLAMP = "def clamp(x, low, high):\n    if x < low:\n        return low\n    return high if x > high else x\n"
GOOD = ["assert clamp(5, 1, 9) == 5", "assert clamp(0, 1, 9) == 1", "assert clamp(10, 1, 9) == 9"]
VACUOUS = ["assert True", "assert callable(clamp)"]


def frame(*rows: tuple[str | None, list[str]]) -> pl.DataFrame:
    named = [(f"r_{n}", code, tests) for n, (code, tests) in enumerate(rows)]
    return pl.DataFrame(named, {"id": pl.String, "code": pl.String, "tests": pl.List(pl.String)}, orient="row")


def verdict(sandbox: Sandbox, code: str | None, tests: list[str]) -> tuple[str, str | None]:
    row = verify(frame((code, tests)), sandbox, RULE).row(0, named=True)
    return row["verdict"], row["verdict_detail"]


def test_an_answer_passes_by_tests_that_notice_broken_versions(sandbox: Sandbox) -> None:
    verified = verify(frame((CLAMP, GOOD)), sandbox, RULE)

    assert verified.schema == SCHEMA
    assert verified.row(0) == ("r_0", "pass", None, GOOD, [], [], sandbox.level)


def test_tests_that_would_pass_anything_verify_nothing(sandbox: Sandbox) -> None:
    said, detail = verdict(sandbox, CLAMP, VACUOUS)

    assert said == "unverified"
    assert detail == "the tests catch 0 of 3 broken versions, of 5 they must catch 3"


def test_tests_must_catch_the_share_that_the_settings_name(sandbox: Sandbox) -> None:
    weak = ["assert clamp(5, 1, 9) is not None"]
    lenient, strict = Verification(mutants=5, min_caught=0), Verification(mutants=5, min_caught=1)

    assert verify(frame((CLAMP, weak)), sandbox, lenient)["verdict"].item() == "pass"
    assert verify(frame((CLAMP, weak)), sandbox, strict)["verdict"].item() == "unverified"


def test_the_test_that_fails_is_named(sandbox: Sandbox) -> None:
    said, detail = verdict(sandbox, CLAMP, [*GOOD, "assert clamp(3, 1, 9) == 4", "assert False"])

    assert (said, detail) == ("fail", "test 4, 'assert clamp(3, 1, 9) == 4': AssertionError")


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        ("def clamp(x, low, high)", "fail", "does not load: SyntaxError"),
        ("1 / 0", "fail", "does not load: ZeroDivisionError"),
        ("import sys\nsys.exit(0)", "fail", "does not load: SystemExit"),
        ("import os\nos._exit(0)", "fail", "ended before all of its tests"),
        ("def clamp(*a):\n    while True: pass", "timeout", "longer"),
        ("def clamp(*a):\n    return [0] * 10 ** 10", "oom", "memory"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crash", "signal"),
        ("while True: print('x' * 1000)", "crash", "output"),
        ("input()", "fail", "EOFError"),
        (None, "fail", "no program"),
    ],
)
def test_an_answer_that_does_not_do_its_work_never_passes(
    sandbox: Sandbox, code: str | None, said: str, why: str
) -> None:
    verdict_, detail = verdict(sandbox, code, GOOD)

    assert verdict_ == said
    assert why in str(detail)


def test_an_answer_may_print_start_threads_and_end_its_script_as_it_likes(sandbox: Sandbox) -> None:
    noise = "\nimport sys, threading, time\nprint('passed 3')"
    thread = "\nthreading.Thread(target=time.sleep, args=[60]).start()"
    script = "\nif __name__ == '__main__':\n    sys.exit(clamp(int(input()), 0, 9))"

    assert verdict(sandbox, CLAMP + noise + thread + script, GOOD) == ("pass", None)


def test_a_test_may_replace_what_the_answer_calls(sandbox: Sandbox) -> None:
    code = "def shout():\n    return input().upper() + '!'"
    test = "from unittest import mock\nwith mock.patch('builtins.input', lambda: 'a'):\n    assert shout() == 'A!'"

    assert verdict(sandbox, code, [test]) == ("pass", None)


def test_tests_do_not_see_what_other_tests_define(sandbox: Sandbox) -> None:
    assert verdict(sandbox, CLAMP, ["clamp = 7\nassert clamp == 7", *GOOD]) == ("pass", None)


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        ("import no_such_module\ndef f(): return 1", "no_such_module"),
        ("def f():\n    from no_such_module.deep import x\n    return x", "no_such_module"),
        (
            "try:\n    import no_such_module\nexcept ImportError as e:\n    raise RuntimeError('install it') from e",
            "no_such_module",
        ),
        ("import socket\ndef f():\n    socket.create_connection(('127.0.0.1', 80))\n    return 1", "network"),
        ("import urllib.request\ndef f():\n    urllib.request.urlopen('http://a.org')\n    return 1", "network"),
        ("import subprocess\ndef f():\n    subprocess.run(['true'], check=True)\n    return 1", "processes"),
        (
            "import multiprocessing as m\ndef f():\n    with m.Pool(2) as p:\n        return p.map(abs, [-1])[0]",
            "processes",
        ),
        ("import os\ndef f():\n    assert os.system('true') == 0\n    return 1", "processes"),
    ],
)
def test_what_the_sandbox_does_not_have_is_no_fault_of_the_answer(sandbox: Sandbox, code: str, needs: str) -> None:
    said, detail = verdict(sandbox, code, ["assert f() == 1"])

    assert said == "unverified"
    assert str(detail).startswith(f"needs {needs}, which the sandbox does not have")


def test_an_answer_that_does_without_what_is_missing_passes(sandbox: Sandbox) -> None:
    code = f"try:\n    import no_such_module\nexcept ImportError:\n    no_such_module = None\n{CLAMP}"

    assert verdict(sandbox, code, GOOD) == ("pass", None)


def test_a_test_that_needs_what_is_not_there_is_dropped_and_named(sandbox: Sandbox) -> None:
    row = verify(frame((CLAMP, ["import no_such_module\nassert True", *GOOD])), sandbox, RULE).row(0)

    assert (row[1], row[3]) == ("pass", GOOD)
    assert row[4] == ["test 1, 'import no_such_module assert True': needs no_such_module, which is not there"]
    assert verdict(sandbox, CLAMP, ["import no_such_module\nassert True"])[0] == "unverified"


def test_a_test_that_asserts_nothing_on_its_way_is_dropped_and_named(sandbox: Sandbox) -> None:
    row = verify(frame((CLAMP, ["for n in []:\n    assert clamp(n, 0, 1) == 7", *GOOD])), sandbox, RULE).row(0)

    assert (row[1], row[3]) == ("pass", GOOD)
    assert row[4] == ["test 1, 'for n in []: assert clamp(n, 0, 1) == 7': what it asserts is never reached"]


def test_packages_are_there_and_noted(sandbox: Sandbox) -> None:
    if "numpy" not in sandbox.packages.modules:
        pytest.skip("numpy is not installed")
    code = "import numpy as np\ndef total(values):\n    return float(np.asarray(values).sum()) * 2"
    row = verify(frame((code, ["import numpy\nassert total(numpy.array([1, 2])) == 6"])), sandbox, RULE).row(0)

    assert (row[1], row[2], row[5]) == ("pass", None, ["numpy"])


def test_each_test_has_an_answer_just_loaded_an_empty_folder_and_its_own_output(sandbox: Sandbox) -> None:
    code = "import os\nseen = []\n"
    code += "def see(x):\n    seen.append(x)\n    open(x, 'w').close()\n    print(x)\n    return len(seen)"
    text = "import os, sys\nassert os.listdir() == []\nassert see({0!r}) == 1\nassert os.listdir() == [{0!r}]\n"
    text += "assert sys.stdout.getvalue() == {0!r} + '\\n'"

    assert verdict(sandbox, code, [text.format(name) for name in "abc"]) == ("pass", None)


def test_a_program_is_run_as_a_script_with_an_input(sandbox: Sandbox) -> None:
    code = "import sys\nif __name__ == '__main__':\n    print(sum(int(x) for x in sys.stdin.read().split()) * 2)"
    test = (
        "import io, runpy, sys\nsys.stdin = io.StringIO('4 5')\nrunpy.run_module('answer', run_name='__main__')\n"
        "assert sys.stdout.getvalue() == '18\\n'"
    )

    assert verdict(sandbox, code, [test]) == ("pass", None)


@pytest.mark.parametrize(
    "extra",
    [
        "def test_clamp():\n    assert clamp(1, 2, 3) == 2 and 5 + 6 == 11",
        "def demo():\n    for n in range(10):\n        print(n, clamp(n, 2, 7) + 100)",
        "class Odd(ValueError):\n    def __init__(self, n):\n        super().__init__(f'{n} is odd: {1 + 2}')",
        "VERSION = '1.0'\nAUTHORS = ['a', 'b']\ndef unused(x):\n    return x * 3 - 4",
    ],
)
def test_what_no_test_can_reach_costs_no_answer_its_pass(sandbox: Sandbox, extra: str) -> None:
    strict = Verification(mutants=50, min_caught=0.7)
    row = verify(frame((f"{extra}\n{CLAMP}", GOOD)), sandbox, strict).row(0)

    assert row[1:3] == ("pass", None)


def test_an_answer_without_tests_or_without_anything_to_break_is_unverified(sandbox: Sandbox) -> None:
    assert verdict(sandbox, CLAMP, []) == ("unverified", "there are no tests")
    assert verdict(sandbox, "class Empty:\n    pass", ["assert Empty()"])[0] == "unverified"


def test_without_a_sandbox_nothing_passes() -> None:
    verified = verify(frame((CLAMP, GOOD), (CLAMP, [])), SandboxUnavailable("bubblewrap is not installed"), RULE)

    assert verified["verdict"].to_list() == ["sandbox_unavailable"] * 2
    assert verified["verdict_detail"].to_list() == ["bubblewrap is not installed"] * 2
    assert verified["sandbox"].to_list() == [None, None]


def test_a_sandbox_that_breaks_later_lets_nothing_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\ntest -e {tmp_path}/allowed && exec {shutil.which("bwrap")} "$@"\nexit 1\n')
    program.chmod(0o755)
    (tmp_path / "allowed").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sandbox = opened()
    assert verdict(sandbox, CLAMP, GOOD) == ("pass", None)

    (tmp_path / "allowed").unlink()
    said, detail = verdict(sandbox, CLAMP, GOOD)
    assert (said, detail) == ("sandbox_unavailable", "bubblewrap does not start: exit code 1")

    program.unlink()
    assert verdict(sandbox, CLAMP, GOOD)[0] == "sandbox_unavailable"


def test_rows_are_judged_at_once_and_come_in_their_order(sandbox: Sandbox) -> None:
    rows = [(CLAMP, GOOD), ("while True: pass", GOOD), (CLAMP, VACUOUS), (CLAMP, ["assert False"])] * 3

    verified = verify(frame(*rows), sandbox, RULE)

    assert verified["id"].to_list() == [f"r_{n}" for n in range(12)]
    assert verified["verdict"].to_list() == ["pass", "timeout", "unverified", "fail"] * 3


def test_no_rows_give_no_rows(sandbox: Sandbox) -> None:
    assert verify(frame(), sandbox, RULE).schema == SCHEMA
