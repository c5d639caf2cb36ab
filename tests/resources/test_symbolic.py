import os
import subprocess

import pytest

from evergrow.methods.verification.maths import verify_maths
from evergrow.resources.symbolic import MODULE, SymbolicError, symbolic


def test_what_hangs_or_takes_all_memory_counts_as_different_and_the_next_pair_is_compared() -> None:
    with symbolic(limit_s=1.0) as comparing:
        assert comparing.same("x^2+2x+1", "(x+1)^2")
        assert not comparing.same("9^{9^{9}}", "3")
        assert comparing.same("k+1", "1+k")
        assert not comparing.same("9^{9^{9}}", "4")
        assert comparing.given_up == 2


def test_draws_that_cannot_be_compared_do_not_stop_a_vote() -> None:
    with symbolic(limit_s=1.0) as comparing:
        decision = verify_maths(["9^{9^{9}}", r"\sqrt{8}", r"2\sqrt{2}", r"2 \sqrt 2"], comparing.same, 0.5)

    assert (decision.verdict, decision.chosen) == ("pass", 1)


def test_text_with_line_breaks_and_quotes_is_data() -> None:
    with symbolic() as comparing:
        assert not comparing.same('x"\n[1]\n', "'; \u2028\n")
        assert comparing.same("a+b", "b+a")


def test_a_process_that_does_not_start_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with symbolic() as comparing, pytest.raises(SymbolicError, match="cannot be compared"):
        comparing.same("a+b", "b+a")


def test_nothing_is_left_behind() -> None:
    with symbolic() as comparing:
        comparing.same("a+b", "b+a")
        assert len(running()) == 1
    assert not running()


def running() -> set[str]:
    """The ids of this process's children that compare expressions."""
    listing = subprocess.run(["ps", "-eo", "pid,ppid,args", "-ww"], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in listing.splitlines()]
    return {number for number, parent, command in lines if parent == str(os.getpid()) and MODULE in command}
