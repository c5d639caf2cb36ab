"""Tests for an answer that is code: the prompt that asks for them, and which of what comes can be used."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evergrow.methods.answering.programs import blocks, parse
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt
from evergrow.methods.verification.assertions import DEFINITIONS, FUNCTIONS, checks
from evergrow.methods.verification.pytest_style import without_pytest

PROMPTS = Path(__file__).with_name("prompts")
MAX_TEST_CHARS = 4_000
MAX_DROPPED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class WrittenTests:
    """The tests in an answer: those that can be used, and for each other one what is wrong with it, by its text."""

    usable: tuple[str, ...]
    dropped: tuple[str, ...] = ()


def tests_prompt() -> Prompt:
    """The prompt that asks for tests."""
    return load_prompt(PROMPTS, "tests")


def render_tests(
    instruction: str, code: str, count: int, packages: Sequence[str] = (), earlier: WrittenTests | None = None
) -> Rendered:
    """The tester's prompt for `count` tests of the program `code`, which was written for `instruction`.

    Args:
        instruction: the task.
        code: its program.
        count: tests asked for.
        packages: what may be imported beyond the standard library.
        earlier: the tests of an earlier answer: what is asked for now are others.
    """
    instruction, code = instruction.strip(), code.strip("\n")
    usable = "\n\n".join(earlier.usable) if earlier else ""
    dropped = "\n".join(earlier.dropped[:MAX_DROPPED_SHOWN]) if earlier else ""
    return tests_prompt().render(
        instruction=instruction, instruction_fence=fence(instruction), code=code, code_fence=fence(code), count=count,
        packages=packages, usable=usable, usable_fence=fence(usable), dropped=dropped, dropped_fence=fence(dropped),
    )  # fmt: skip


def read_tests(answer: object, most: int, code: str = "", packages: Sequence[str] = ()) -> WrittenTests:
    """The tests in a tester's answer: all that can be used, without repetitions, `most` at the most.

    A test is valid Python of up to 4,000 characters with an assertion that is executed: an `assert`, a method of a
    `unittest.TestCase`, an exception that is expected. Functions and classes of tests that nothing calls are called. It
    imports the standard library and `packages` only, and defines no name that the program `code` defines.

    Raises:
        ValueError: none can be used; the message says why of the first.
    """
    listed = answer.get("tests") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ValueError("the answer has no list of tests under 'tests'")
    names = _defined(parse(code))
    usable: dict[str, None] = {}
    faults: list[str] = []
    for number, text in enumerate(listed, 1):
        try:
            test = _read_test(text, names, packages)
            if test in usable:
                raise ValueError("repeats another")
            if len(usable) == most:
                raise ValueError(f"is one more than the {most} that are asked for")
            usable[test] = None
        except ValueError as fault:
            faults.append(f"test {number}, {excerpt(str(text))!r}: {fault}")
    if not usable:
        raise ValueError(f"none of the tests can be used; {faults[0]}")
    return WrittenTests(tuple(usable), tuple(faults))


def _read_test(text: object, names: frozenset[str], packages: Sequence[str]) -> str:
    if not isinstance(text, str):
        raise ValueError("is no text")  # noqa: TRY004 - an invalid answer, not a bug
    if len(text) > MAX_TEST_CHARS:
        raise ValueError(f"is longer than {MAX_TEST_CHARS:,} characters")
    code = next((block.code for block in blocks(text) if block.closed), text).strip()
    tree = parse(code)
    code, tree = _without(code, tree, [node for node in tree.body if _only_takes(node, names) or _runs_all(node)])
    if (plain := without_pytest(tree)) is not None:
        code, tree = plain, parse(plain)
    if absent := sorted(_imported(tree) - {*packages, "answer"} - sys.stdlib_module_names):
        raise ValueError(f"imports {', '.join(absent)}, which is not there")
    if again := sorted(_defined(tree, functions_only=True) & names):
        raise ValueError(f"defines {', '.join(again)} itself, so that it does not test the program's")
    code = "\n".join((code, *_callers(tree)))
    if not checks(parse(code)):
        raise ValueError("has no assert that is executed")
    return code


def _without(code: str, tree: ast.Module, superfluous: list[ast.stmt]) -> tuple[str, ast.Module]:
    """A test without some statements; its text stays as it is where there are none."""
    if not superfluous:
        return code, tree
    tree.body = [node for node in tree.body if node not in superfluous]
    return ast.unparse(tree), tree


def _only_takes(node: ast.stmt, names: frozenset[str]) -> bool:
    """Whether it imports names that the program defines, as if from its file: they are there already."""
    if not isinstance(node, ast.ImportFrom) or (node.module or "").partition(".")[0] in sys.stdlib_module_names:
        return False
    return bool(names) and all(alias.name in names and not alias.asname for alias in node.names)


def _runs_all(node: ast.stmt) -> bool:
    """Whether it is `unittest.main()` or `pytest.main()`."""
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("unittest.main(", "pytest.main("))


def _imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                found |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=module):
                found.add((module or ".").partition(".")[0])
    return found


def _defined(tree: ast.Module, *, functions_only: bool = False) -> frozenset[str]:
    """The names of functions and classes of a program, and of its variables."""
    named = [node.name for node in tree.body if isinstance(node, DEFINITIONS)]
    stored = [
        node.id for part in tree.body if isinstance(part, ast.Assign | ast.AnnAssign)
        for node in ast.walk(part) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]  # fmt: skip
    return frozenset(named if functions_only else [*named, *stored])


def _callers(tree: ast.Module) -> list[str]:
    """Calls of the functions and classes of tests that nothing calls yet.

    Raises:
        ValueError: one wants what only pytest gives.
    """
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    lines: list[str] = []
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name not in called:
                if _wants(node) and name.startswith("test"):
                    raise ValueError(f"{name} asks for {', '.join(_wants(node))}, which nothing gives it")
                if not _wants(node):
                    lines += _call(node, f"{name}()")
            case ast.ClassDef(name=name, bases=bases) if name not in called:
                if any(ast.unparse(base).endswith("TestCase") for base in bases):
                    lines += ["import unittest", f"unittest.defaultTestLoader.loadTestsFromTestCase({name}).debug()"]
                else:
                    lines += _method_calls(node)
    return lines


def _method_calls(node: ast.ClassDef) -> list[str]:
    methods = [part for part in node.body if isinstance(part, FUNCTIONS) and part.name.startswith("test")]
    if any(
        part.name in {"setup_method", "setUp", "setup", "__init__"} for part in node.body if isinstance(part, FUNCTIONS)
    ):
        raise ValueError(f"{node.name} sets itself up, and is no unittest.TestCase")
    return [line for part in methods for line in _call(part, f"{node.name}().{part.name}()")]


def _call(node: ast.FunctionDef | ast.AsyncFunctionDef, call: str) -> list[str]:
    return ["import asyncio", f"asyncio.run({call})"] if isinstance(node, ast.AsyncFunctionDef) else [call]


def _wants(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Parameters without a default."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    without = positional[: len(positional) - len(given.defaults)]
    named = [one for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return [one.arg for one in (*without, *named)]
