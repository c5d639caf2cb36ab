import re

import pytest

from evergrow.methods.verification.testing import read_fault

NONCE = "5f" * 16
TESTS = ["assert f(1) == 1", "assert f(2) == 2"]


def report(words: str, nonce: str = NONCE) -> str:
    return f"noise\n{nonce} {words}\n"


def test_a_report_that_every_test_passed_is_no_fault() -> None:
    assert read_fault(report("passed 2"), TESTS, NONCE) is None


@pytest.mark.parametrize(
    ("stdout", "fault"),
    [
        ("", "ended before all"),
        ("passed 2\n", "ended before all"),
        (report("passed 2", "00" * 16), "ended before all"),
        (report("failed 2 AssertionError"), r"^test 2, 'assert f\(2\) == 2': AssertionError$"),
        (report("unloaded NameError: <g at 0x7f3a21bc>"), r"^does not load: NameError: <g at 0x…>$"),
        (report("passed 1"), "tampered"),
        (report("failed 7 x"), "tampered"),
        (report("failed"), "tampered"),
        (report(""), "tampered"),
    ],
)
def test_anything_else_is_held_against_the_answer(stdout: str, fault: str) -> None:
    said = read_fault(stdout, TESTS, NONCE)

    assert said is not None
    assert re.search(fault, said)
