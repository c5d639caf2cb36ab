"""Tests for an answer that is code: the prompt that asks for them, and which of what comes can be used."""

import ast
from collections.abc import Iterator
from pathlib import Path

from evergrow.methods.answering.programs import blocks, parse
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

PROMPTS = Path(__file__).with_name("prompts")
MAX_TEST_CHARS = 4_000
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


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
    code = next((block.code for block in blocks(text) if block.closed), text).strip()
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
