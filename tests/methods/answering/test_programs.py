import ast
import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.answering.programs import blocks, parse, read_program

GOOD = "def f(n):\n    return n + 1"


def fenced(code: str, language: str = "python") -> str:
    return f"Here:\n```{language}\n{code}\n```\nIt adds one."


@pytest.mark.parametrize("language", ["python", "Python", "py", "python3", ""])
def test_the_block_of_python_is_the_program(language: str) -> None:
    assert read_program(fenced(GOOD, language)) == GOOD


def test_of_several_blocks_the_longest_that_is_valid_counts() -> None:
    text = (
        f"```python\nf(1)\n```\n{fenced(GOOD)}\n```python\n{GOOD} )((\n```\n```bash\n{'pip install nothing ' * 9}\n```"
    )

    assert read_program(text) == GOOD


def test_longer_fences_tildes_indented_blocks_and_carriage_returns_are_read() -> None:
    inner = 'TEXT = """\n```\n"""'

    assert read_program(f"````python\n{inner}\n````") == inner
    assert read_program(f"~~~py\n{inner}\n~~~") == inner
    assert read_program("1. So:\n   ```python\n   def f(n):\n       return n + 1\n   ```") == GOOD
    assert read_program(fenced(GOOD).replace("\n", "\r\n")) == GOOD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(): return 1", "no block of code"),
        (fenced("x = 1", "bash"), "no block of code"),
        (f"```python\n{GOOD}", "has no end"),
        (fenced("def f(:"), r"not valid Python: .* \(its line 1\)"),
        (fenced(""), "is empty"),
        (fenced("# nothing"), "is empty"),
        (fenced("(" * 5_000), "not valid Python"),
        (fenced("x = '\x00'"), "not valid Python"),
        (fenced(f"{GOOD}\n# TODO: the other half\n"), "leaves something out, where it says '# TODO: the other half'"),
        (fenced(f"{GOOD}\n# ... rest of the code"), "leaves something out"),
        (fenced(f"{GOOD}\n    # your code goes here"), "leaves something out"),
        (fenced("def f(n):\n    ...\n\ndef g(n):\n    pass"), "is a sketch"),
        (fenced("class C:\n    def f(self):\n        '''Adds.'''\n        raise NotImplementedError"), "is a sketch"),
        (fenced("..."), "is a sketch"),
        (fenced("x = 1\n" * 50_000), "more than 200,000 characters"),
    ],
)
def test_what_is_no_complete_program_is_unusable(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_program(text)


@pytest.mark.parametrize(
    "code",
    [
        "# Todo list: keeps what is to do\nTODO = []\ntodos = [t for t in TODO]",
        "def f(n):\n    # implement the recurrence from above\n    # the rest of the digits\n    return n",
        "class Shape:\n    def area(self): ...\n\nclass Dot(Shape):\n    def area(self):\n        return 0",
        "f = lambda n: n + 1",
        "print('TODO: # your code')",
        "p = '\\d'",
    ],
)
def test_good_code_is_not_taken_for_a_sketch(code: str) -> None:
    assert read_program(fenced(code)) == code


@given(st.text(alphabet="`~pyth \n\tx=1#()\r", max_size=200) | st.text())
def test_any_text_is_either_a_valid_program_or_a_reason(text: str) -> None:
    try:
        program = read_program(text)
    except ValueError as error:
        reason = str(error)
    else:
        ast.parse(program)
        reason = program
    assert reason


@given(st.lists(st.text(alphabet="ab =\n`", max_size=30).filter(lambda code: "```" not in code), max_size=4))
def test_every_closed_block_comes_back_as_it_was(codes: list[str]) -> None:
    text = "".join(f"so\n```python\n{code}\n```\n" for code in codes)

    assert [block.code for block in blocks(text)] == codes


class Cycle:
    """Garbage that runs Python when it is collected, which may be amid the building of a syntax tree."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


def test_threads_that_parse_at_once_do_not_disturb_each_other() -> None:
    """Python 3.11 counts the depth of the tree that it builds for all threads together."""
    lines = (f"    assert f([{', '.join(map(str, range(40)))}], {{'a': [1, (2, 3)]}}) == {n}\n" for n in range(60))
    code = "def check(f):\n" + "".join(lines)

    def work(_: int) -> int:
        made = 0
        for _ in range(100):
            Cycle()
            made += len(parse(code).body)
        return made

    before, pause = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5, 2, 2)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(4))) == [100] * 4
    finally:
        gc.set_threshold(*before)
        sys.setswitchinterval(pause)
