import pytest

from evergrow.methods.verification.testing import Tried, fault_of, read_report

NONCE = "5f" * 16


def report(*lines: str, nonce: str = NONCE) -> str:
    return "noise\n" + "".join(f"\n{nonce} {line}" for line in lines) + "\n"


def test_a_report_says_of_every_test_how_it_ended() -> None:
    said = report(
        "passed", "failed AssertionError", "needs numpy ModuleNotFoundError: No", "unloaded needs network OSError"
    )

    assert read_report(said, 4, NONCE) == [
        Tried(passed=True),
        Tried(passed=False, said="AssertionError"),
        Tried(passed=False, needs="numpy", said="ModuleNotFoundError: No"),
        Tried(passed=False, loaded=False, needs="network", said="OSError"),
    ]


@pytest.mark.parametrize(
    "stdout",
    ["", "passed\npassed\n", report("passed", "passed", nonce="00" * 16), report("passed"), report(*["passed"] * 3)],
)
def test_what_does_not_report_on_each_test_once_is_no_report(stdout: str) -> None:
    assert read_report(stdout, 2, NONCE) is None


@pytest.mark.parametrize("line", ["", "pass", "passed 2", "PASSED"])
def test_nothing_else_is_a_pass(line: str) -> None:
    found = read_report(report(line, "passed"), 2, NONCE)

    assert found is not None
    assert not found[0].passed


def test_a_fault_names_the_test_and_no_addresses() -> None:
    said = "NameError: <g at 0x7f3a21bc>"

    assert fault_of(2, "assert f()", Tried(passed=False, said=said)) == "test 2, 'assert f()': NameError: <g at 0x…>"
    assert fault_of(2, "assert f()", Tried(passed=False, loaded=False, said="X")) == "does not load: X"
