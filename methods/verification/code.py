"""Tests for an answer that is code: the program in the answer, and the prompt that asks for tests of it."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from evergrow.methods.answers import excerpt
from evergrow.methods.prompts import Prompt, Rendered, fence, load_prompt

PROMPTS = Path(__file__).with_name("prompts")
MAX_TEST_CHARS, MAX_CODE_CHARS = 4_000, 200_000
PYTHON = {"python", "py", "python3"}

_OPENING = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def code_of(response: str) -> str | None:
    """The program in an answer, None if there is none.

    It is the longest fenced block that is valid Python, of those that say they are Python or else of those that say
    nothing. An answer without fences counts as a whole if it is valid Python that defines a function or a class.
    """
    blocks = list(_blocks(response))
    for languages in (PYTHON, {""}):
        found = [code for language, code in blocks if language in languages and _is_program(code)]
        if found:
            return max(found, key=len)
    if blocks or not _is_program(response):
        return None
    defines = any(isinstance(node, _SCOPES[:3]) for node in parse(response).body)
    return response.strip("\n") if defines else None


def parse(code: str) -> ast.Module:
    """The syntax tree of `code`, which is not run.

    Raises:
        ValueError: it is no Python that could be run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as for escapes like "\d"
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"not valid Python: {error}") from error


def tests_prompt() -> Prompt:
    """The prompt that asks for tests."""
    return load_prompt(PROMPTS, "tests")


def render_tests(instruction: str, code: str, count: int) -> Rendered:
    """The tester's prompt for `count` tests of the program `code`, which was written for `instruction`."""
    instruction, code = instruction.strip(), code.strip("\n")
    return tests_prompt().render(
        instruction=instruction, instruction_fence=fence(instruction), code=code, code_fence=fence(code), count=count
    )


def read_tests(answer: object, most: int) -> list[str]:
    """The tests in a tester's answer: all that can be used, without repetitions, `most` at the most.

    A test is valid Python of up to 4,000 characters with an `assert` that is executed. One that is written as a
    function without parameters is called.

    Raises:
        ValueError: none can be used; the message says why of the first.
    """
    listed = answer.get("tests") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError("the answer has no list of tests under 'tests'")
    usable: dict[str, None] = {}
    faults: list[str] = []
    for number, text in enumerate(listed, 1):
        try:
            usable[_read_test(text)] = None
        except ValueError as fault:
            faults.append(f"test {number}, {excerpt(str(text))!r}: {fault}")
    if not usable:
        raise ValueError(f"none of the tests can be used; {faults[0]}")
    return list(usable)[:most]


def _read_test(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError("is no text")  # noqa: TRY004 - an invalid answer, not a bug
    if len(text) > MAX_TEST_CHARS:
        raise ValueError(f"is longer than {MAX_TEST_CHARS:,} characters")
    code = next((code for _, code in _blocks(text)), text).strip()
    tree = parse(code)
    if not any(isinstance(node, ast.Assert) for node in _executed(tree)):
        called = [f"{node.name}()" for node in tree.body if isinstance(node, ast.FunctionDef) and _asserts(node)]
        if not called:
            raise ValueError("has no assert that is executed")
        return "\n".join((code, *called))
    return code


def _asserts(function: ast.FunctionDef) -> bool:
    wants = function.args
    has_parameters = bool(wants.args or wants.posonlyargs or wants.kwonlyargs)
    return not has_parameters and any(isinstance(node, ast.Assert) for node in _executed(function))


def _executed(scope: ast.AST) -> Iterator[ast.AST]:
    """What is executed with `scope`: all nodes but those in functions and classes that it defines."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, _SCOPES):
            yield child
            yield from _executed(child)


def _is_program(code: str) -> bool:
    if not code.strip() or len(code) > MAX_CODE_CHARS:
        return False
    try:
        return bool(parse(code).body)
    except ValueError:
        return False


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of Markdown that are closed: language in small letters, text."""
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = _OPENING.fullmatch(line)
        if opened is None:
            opened, lines = mark, []
        elif mark and not mark[3] and mark[2].startswith(opened[2]):
            yield opened[3].lower(), "\n".join(lines)
            opened = None
        else:
            lines.append(line.removeprefix(opened[1]))  # within a list, a block is indented as a whole
