"""Verdicts on answers that are code."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.sandbox.levels import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.sandbox.verifying import SCHEMA, verify
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
    assert verified.row(0) == ("r_0", "pass", None, "\n\n".join(GOOD), sandbox.level)


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
        ("import numpy", "fail", "ModuleNotFoundError"),
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


@pytest.mark.parametrize(
    "forgery",
    [
        "print('pass')",
        "print('0' * 32, {report!r})",
        "import os, sys\nsys.stdout.flush()\nos.write(1, b'0' * 32 + b' ' + {report!r}.encode())\nos._exit(0)",
        "import builtins, os\nbuiltins.str = lambda *_: {report!r}\nos._exit = lambda *_: None\nos.write = print",
        "import builtins\nbuiltins.exec = lambda *_: None",
        "import builtins\nbuiltins.enumerate = lambda *_: ()",
        "import atexit, os\natexit.register(lambda: print({report!r}))\nraise SystemExit(0)",
        "import sys\nsys.modules['__main__'].report = lambda *_: None\nsys.stdout = sys.stderr",
    ],
)
def test_no_verdict_is_forged_by_what_an_answer_prints_replaces_or_exits_with(sandbox: Sandbox, forgery: str) -> None:
    assert verdict(sandbox, forgery.format(report="passed 3"), GOOD)[0] == "fail"


WALK = """
import sys
frame = sys._getframe()
while frame is not None and "report" not in frame.f_locals:
    frame = frame.f_back
"""
CLAIM = 'frame.f_locals["report"]("passed", len(frame.f_locals["tests"]))'


@pytest.mark.parametrize("when", ["if True:", "if add(5, 3) == 2 and add(9, 4) == 5:"])
def test_an_answer_that_finds_the_harness_and_claims_its_tests_passed_does_not_pass(
    sandbox: Sandbox, when: str
) -> None:
    code = f"def add(a, b):\n    return a - b\n{WALK}{when}\n    {CLAIM}\n"

    assert verdict(sandbox, code, ["assert add(2, 2) == 4", "assert add(5, 1) == 6"])[0] == "fail"


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


def test_an_answer_without_tests_or_without_anything_to_break_is_unverified(sandbox: Sandbox) -> None:
    assert verdict(sandbox, CLAMP, []) == ("unverified", "there are no tests")
    assert verdict(sandbox, "class Empty:\n    pass", ["assert Empty()"])[0] == "unverified"


def test_without_a_sandbox_nothing_passes() -> None:
    verified = verify(frame((CLAMP, GOOD), (CLAMP, [])), SandboxUnavailable("bubblewrap is not installed"), RULE)

    assert verified["verdict"].to_list() == ["sandbox_unavailable"] * 2
    assert verified["verdict_detail"].to_list() == ["bubblewrap is not installed"] * 2
    assert verified["sandbox"].to_list() == [None, None]


def test_a_sandbox_that_breaks_later_lets_nothing_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened("bubblewrap")
    program = tmp_path / "bwrap"
    program.write_text(f'#!/bin/sh\ntest -e {tmp_path}/allowed && exec {shutil.which("bwrap")} "$@"\nexit 1\n')
    program.chmod(0o755)
    (tmp_path / "allowed").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sandbox = opened("bubblewrap")
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
