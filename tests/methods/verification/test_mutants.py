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
