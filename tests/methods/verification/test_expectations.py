"""Wrong versions of tests: what is right fails them, and what only looks right does not."""

import random
import re

import pytest

from evergrow.methods.verification.expectations import rewritten, wrong_expectation

RIGHT = """
import math
from fractions import Fraction
def double(n):
    if not isinstance(n, (int, float)): raise TypeError(n)
    return n * 2
def evens(n): return [2 * k for k in range(n)]
def named(n): return {"n": n}
def nothing(): return None
def shout(): print("A!")
"""
SURE = [
    "assert double(2) == 4",
    "assert 4 == double(2)",
    "assert double(2) == 2 ** 2",
    "assert double(1.5) == 3.0",
    "assert abs(double(1.5) - 3.0) < 1e-9",
    "assert math.isclose(double(1.5), 3.0)",
    "assert abs(double(250) - 500) < 50",
    "assert abs(double(0) - 0) <= 100",
    "assert math.isclose(double(10), 20, rel_tol=0.5)",
    "import unittest\nunittest.TestCase().assertAlmostEqual(double(10), 20, delta=15)",
    "assert double(Fraction(1, 2).numerator) == Fraction(2, 1)",
    "assert evens(3) == [0, 2, 4]",
    "assert evens(0) == []",
    "assert tuple(evens(2)) == (0, 2)",
    "assert set(evens(2)) == {0, 2}",
    "assert named(1) == {'n': 1}",
    "assert nothing() is None",
    "assert nothing() == None",
    "assert double(2) != 5 and double(3) == 6",
    "assert double(2) > 3",
    "assert not double(0)",
    "assert double(1)",
    "assert (double(1) == 2) is True",
    "expected = [0, 2]\nassert evens(2) == expected",
    "data = [0, 2]\nassert evens(len(data)) == data",
    "for n, want in [(1, 2), (2, 4), (3, 6)]:\n    assert double(n) == want",
    "for n, want in {1: 2, 2: 4}.items():\n    assert double(n) == want",
    "def check(n, want):\n    assert double(n) == want\ncheck(2, 4)\ncheck(3, 6)",
    "def check(n, *, want=2):\n    assert double(n) == want\ncheck(2, want=4)",
    "try:\n    double('x')\nexcept TypeError:\n    pass\nelse:\n    assert False",
    "try:\n    double('x')\n    assert False, 'no error'\nexcept TypeError:\n    pass",
    "raised = False\ntry:\n    double('x')\nexcept TypeError:\n    raised = True\nassert raised",
    "import unittest\nwith unittest.TestCase().assertRaises(TypeError):\n    double('x')",
    "import unittest\nunittest.TestCase().assertEqual(double(2), 4)",
    "import unittest\nunittest.TestCase().assertTrue(double(2))",
    "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(double(2), 4)\n"
    "unittest.defaultTestLoader.loadTestsFromTestCase(T).debug()",
    "import asyncio\nasync def main():\n    assert double(2) == 4\nasyncio.run(main())",
    "double(2)",
]
PERHAPS = [
    "for n, want in [(1, 2), (2, 5)]:\n    assert double(n) == want\n    break",
    "def check():\n    assert double(2) == 4\n    yield\ncheck()",
    "for n in evens(3):\n    assert n % 2 == 0",
    "if double(2) == 4:\n    assert double(3) == 6",
    "for n in [1, 2]:\n    if n > 1: continue\n    assert double(n) == 2",
]


def passes(test: str, code: str = RIGHT) -> bool:
    names: dict[str, object] = {"__name__": "answer"}
    exec(code, names)
    try:
        exec(test, names)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("test", SURE)
def test_what_is_right_passes_a_test_and_fails_its_wrong_version(test: str, seed: int) -> None:
    wrong = wrong_expectation(test, random.Random(seed))

    assert wrong.certain
    assert passes(rewritten(test))
    assert not passes(wrong.text), wrong.text


@pytest.mark.parametrize("test", PERHAPS)
def test_what_may_not_be_reached_is_not_certain(test: str) -> None:
    assert not wrong_expectation(test, random.Random(0)).certain


EQUAL = "class Equal:\n    def __eq__(self, other): return True\ndef double(n): return Equal()\nevens = named = double"


@pytest.mark.parametrize(
    "test",
    [
        test
        for test in SURE
        if " == " in test and "double" in test and not {"abs", "True"} & set(re.findall(r"\w+", test))
    ],
)
def test_what_equals_everything_passes_the_wrong_version_of_an_equation_too(test: str) -> None:
    if not passes(test, EQUAL):
        pytest.skip("it does not pass the test itself")
    assert passes(wrong_expectation(test, random.Random(0)).text, EQUAL)


def test_a_literal_that_is_also_an_input_is_left_alone() -> None:
    wrong = wrong_expectation("data = [1, 2]\nassert sorted(data) == data", random.Random(0))

    assert wrong.text == "data = [1, 2]\nassert not sorted(data) == data"


def test_a_parameter_that_is_set_anew_is_no_expectation() -> None:
    test = "def check(n, want):\n    want = want + n\n    assert double(n) == want\ncheck(2, 2)"
    wrong = wrong_expectation(test, random.Random(0))

    assert passes(test)
    assert not passes(wrong.text)


def test_what_is_no_python_is_an_error() -> None:
    with pytest.raises(ValueError, match="not valid Python"):
        wrong_expectation("assert (", random.Random(0))
