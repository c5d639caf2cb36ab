import ast
import inspect
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.verification.mutants import mutants

FUNCTIONS = [json.load, json.dumps, textwrap.dedent, textwrap.indent, inspect.cleandoc, inspect.getmro, ast.walk]


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("def f(a, b):\n    return a < b", "def f(a, b):\n    return a >= b"),
        ("def f(a, b):\n    return a + b", "def f(a, b):\n    return a - b"),
        ("def f(a, b):\n    return a and b", "def f(a, b):\n    return a or b"),
        ("def f(a):\n    return a[0]", "def f(a):\n    return a[1]"),
        ("def f(a):\n    return 'x'", "def f(a):\n    return 'x_'"),
        ("def f(a):\n    return True", "def f(a):\n    return False"),
        ("def f(a):\n    return 1 if a else 2", "def f(a):\n    return 1 if not a else 2"),
        ("def f(a):\n    a.sort()\n    return a", "def f(a):\n    pass\n    return a"),
        ("def f(a):\n    return a", "def f(a):\n    return None"),
        ("f = lambda a: a * 2", "f = lambda a: a + 2"),
    ],
)
def test_each_kind_of_change_is_made(code: str, broken: str) -> None:
    assert broken in mutants(code, 50)


@pytest.mark.parametrize("header", ["def f(a):", "async def f(a):"])
def test_the_first_empties_a_function_that_gives_something(header: str) -> None:
    assert mutants(f"{header}\n    b = a\n    return b", 1) == [f"{header}\n    return None"]
    assert mutants(f"{header}\n    yield a", 1) == [f"{header}\n    return None"]


@pytest.mark.parametrize(
    "code",
    [
        "class Empty:\n    pass",
        'def f(a: "int" = None) -> "int":\n    """Says f."""',
        "def f():\n    raise ValueError('too late')",
        "import os",
        "if __name__ == '__main__':\n    print(1 + 2)",
        "",
    ],
)
def test_what_no_test_could_notice_is_left_alone(code: str) -> None:
    assert [m for m in mutants(code, 50) if "pass" not in m] == []


@given(st.sampled_from(FUNCTIONS), st.integers(1, 30), st.integers(0, 1000))
def test_mutants_are_valid_different_and_the_same_each_time(function: object, most: int, seed: int) -> None:
    code = textwrap.dedent(inspect.getsource(function))  # type: ignore[arg-type]
    made = mutants(code, most, seed)

    assert 1 <= len(made) <= most
    assert len({ast.unparse(ast.parse(text)) for text in (code, *made)}) == len(made) + 1
    assert made == mutants(code, most, seed)


def test_code_that_is_no_python_is_an_error() -> None:
    with pytest.raises(ValueError, match="not valid Python"):
        mutants("def f(:", 5)


@pytest.mark.parametrize("code", ["x = 0x" + "f" * 5_000, "x = " + "-" * 900 + "1"])
def test_code_that_cannot_be_written_again_has_no_mutants(code: str) -> None:
    assert isinstance(mutants(code, 5), list)


PROGRAM = """
import logging
TABLE = {"a": 1}
UNUSED = {"b": 2}
class Odd(ValueError):
    def __init__(self, n):
        super().__init__(f"{n} is odd, {3} wanted")
class Box:
    size = 4
    def __init__(self, n):
        self.n = n + 1
    def grow(self, by=5):
        '''Grows.'''
        self.n += by
        return self
    def shrink(self):
        return self.n - 6
    def __repr__(self):
        return f"Box {7}"
def helper(n):
    logging.info("helping %s", n + 8)
    return n * 9
def main(n):
    message = "n was 10" + "x"
    if n < 11:
        raise Odd(message + str(12))
    print("so far", 13)
    return helper(n) + TABLE["a"]
def demo():
    return main(14)
def test_main():
    assert main(15) == 16
if __name__ == "__main__":
    print(main(17))
"""


def changed(tests: list[str]) -> set[str]:
    """The lines of the program that its mutants change or leave out, other than by emptying a function."""
    lines = ast.unparse(ast.parse(PROGRAM)).splitlines()
    made = [mutant.splitlines() for mutant in mutants(PROGRAM, 500, tests=tests)]
    whole = [mutant for mutant in made if len(mutant) == len(lines)]
    return {line.strip() for mutant in whole for line in lines if line not in mutant}


def test_only_what_the_tests_reach_is_changed_and_nothing_that_people_read() -> None:
    assert changed(["assert main(12) == 109"]) == {
        "TABLE = {'a': 1}", "return n * 9", "if n < 11:", "return helper(n) + TABLE['a']",
    }  # fmt: skip


def test_methods_are_reached_by_their_names() -> None:
    lines = changed(["assert Box(1).grow().n == 7"])

    assert {"self.n = n + 1", "self.n += by", "return self"} <= lines
    assert "return self.n - 6" not in lines
    assert not any("Box {7}" in line for line in lines)
    assert any("Box {7}" in line for line in changed(["assert repr(Box(1)) == 'Box 7'"]))


def test_what_is_printed_counts_where_the_tests_look_at_it() -> None:
    assert not any("so far" in line for line in changed(["assert main(12) == 109"]))
    assert any("so far" in line for line in changed(["main(12)\nassert sys.stdout.getvalue() == 'so far 13\\n'"]))


def test_an_exception_left_out_counts_where_the_tests_expect_it() -> None:
    expects = "try:\n    main(1)\nexcept Odd:\n    pass\nelse:\n    assert False"

    assert not any("raise Odd" in line for line in changed(["assert main(12) == 109"]))
    assert any("raise Odd" in line for line in changed([expects]))


def test_a_script_counts_where_the_tests_run_it() -> None:
    script = 'import runpy\nrunpy.run_module("answer", run_name="__main__")\nassert sys.stdout.getvalue()'

    assert any("main(17)" in line for line in changed([script]))
    assert not any("main(17)" in line for line in changed(["assert main(12) == 109"]))


def test_tests_that_use_nothing_of_the_program_reach_nothing() -> None:
    assert changed(["assert True"]) == set()
