import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from evergrow.methods.verification.maths import verify_maths
from evergrow.resources.symbolic import Symbolic, SymbolicError, symbolic

HOSTILE = ("9^{9^{9}}", "9**9**9**9", "10^{10^{10}}!", r"\sum_{k=1}^{10^{12}} k^k", r"\prod_{k=1}^{10^9} k")


@pytest.fixture(scope="module")
def comparing() -> Iterator[Symbolic]:
    with symbolic(limit_s=1.0) as opened:
        yield opened


def test_what_hangs_or_takes_all_memory_counts_as_different_and_the_next_pair_is_compared(comparing: Symbolic) -> None:
    assert comparing.same("x^2+2x+1", "(x+1)^2")
    assert not any(comparing.same(text, "3") for text in HOSTILE)
    assert comparing.same("k+1", "1+k")
    assert 1 <= comparing.given_up <= len(HOSTILE)


def test_draws_that_cannot_be_compared_do_not_stop_a_vote(comparing: Symbolic) -> None:
    decision = verify_maths(["9^{9^{9}}", r"\sqrt{8}", r"2\sqrt{2}", r"2 \sqrt 2"], comparing.same, 0.5)

    assert (decision.verdict, decision.chosen) == ("pass", 1)


def test_many_threads_compare_at_once(comparing: Symbolic) -> None:
    pairs = [(f"(x+{n})^2", f"x^2+{2 * n + n % 2}x+{n * n}") for n in range(20)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda pair: comparing.same(*pair), pairs)) == [n % 2 == 0 for n in range(20)]


def test_text_with_line_breaks_and_quotes_is_data(comparing: Symbolic) -> None:
    assert not comparing.same('x"\n[1]\n', "'; \u2028\n")
    assert comparing.same("a+b", "b+a")


def test_a_process_that_does_not_start_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with symbolic(start_s=3.0) as broken, pytest.raises(SymbolicError, match="cannot be compared: no process"):
        broken.same("a+b", "b+a")


def test_nothing_is_left_behind() -> None:
    before = set(multiprocessing.active_children())
    with symbolic() as opened:
        opened.same("a+b", "b+a")
        assert set(multiprocessing.active_children()) - before
    assert not set(multiprocessing.active_children()) - before
