import json
import re

import pytest

from evergrow.methods.verification.testing import read_fault

NONCE = "5f" * 16
TESTS = ["assert f(1) == 1", "assert f(2) == 2"]


def report(passed: object, fault: object, nonce: str = NONCE) -> str:
    return f"noise\n{nonce} {json.dumps({'passed': passed, 'fault': fault})}\n"


def test_a_report_that_every_test_passed_is_no_fault() -> None:
    assert read_fault(report([0, 1], None), TESTS, NONCE) is None


@pytest.mark.parametrize(
    ("stdout", "fault"),
    [
        ("", "ended before all"),
        ("pass\n", "ended before all"),
        (report([0, 1], None, "00" * 16), "ended before all"),
        (report([0], [1, "AssertionError"]), r"^test 2, 'assert f\(2\) == 2': AssertionError$"),
        (report([], [-1, "NameError: <g at 0x7f3a21bc>"]), r"^does not load: NameError: <g at 0x…>$"),
        (report([0], None), "tampered"),
        (report([0, 1], [7, "x"]), "tampered"),
        (report(None, 7), "tampered"),
        (f"{NONCE} {{}}\n", "tampered"),
        (f"{NONCE} {{no json}}\n", "tampered"),
    ],
)
def test_anything_else_is_held_against_the_answer(stdout: str, fault: str) -> None:
    said = read_fault(stdout, TESTS, NONCE)

    assert said is not None
    assert re.search(fault, said)
