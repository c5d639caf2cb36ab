import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.seeds.kinds import guess_kinds

CODE = [
    "def f(x):\n    return x",
    "async def f():\n    pass",
    "import re\n\n@cache\ndef f():\n    '''Text.'''",
    "# A comment.\nclass Stack(list):\n    pass",
    "x = 3\nprint(x)",
    "total: int = 0",
    "for x in y:\n    print(x)",
    "def f(x):\n    print x  # valid in Python 2 only",
    "def cut(off,\n",
    'pattern = "\\d"',
]
INSTRUCTIONS = [
    "Write a function that sorts a list.",
    "Explain",
    "Explain (this)",
    "Task: sort",
    "import the data and plot it",
    "Set x = 3, then print it.",
    "def is a keyword. What does it do?",
    "Repair this:\n\ndef f(x):\n    return x",
    "(" * 20_000,
    "x = " + "-" * 20_000 + "1",
    "é\x0c\u2028",
]


@pytest.mark.parametrize("text", CODE)
def test_python_is_code(text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["code"]


@pytest.mark.parametrize("text", INSTRUCTIONS)
def test_prose_is_an_instruction(text: str) -> None:
    assert guess_kinds(pl.Series([text])).to_list() == ["instruction"]


@given(st.lists(st.text()))
def test_every_text_gets_one_of_the_two_kinds(texts: list[str]) -> None:
    kinds = guess_kinds(pl.Series("content", texts, dtype=pl.String))
    assert kinds.len() == len(texts)
    assert kinds.dtype == pl.String
    assert set(kinds) <= {"code", "instruction"}
