"""What of a program its tests can reach: what they name, and what that names in turn."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evergrow.methods.answering.programs import parse
from evergrow.methods.verification.assertions import DEFINITIONS, FUNCTIONS

# Methods that only matter to tests that turn an object into text.
_AS_TEXT = frozenset(("__repr__", "__str__", "__format__"))
_TURNS_INTO_TEXT = frozenset(("repr", "str", "format", "print", "ascii"))
_OUTPUT = frozenset(
    ("stdout", "stderr", "getvalue", "redirect_stdout", "redirect_stderr", "print", "capsys", "run_module")
)
_SCRIPT = "__main__"
_ERROR_CLASS = re.compile(r"(Error|Exception|Warning|Exit)$")


@dataclass(frozen=True, slots=True)
class Used:
    """What tests use: names and attributes, words of strings; whether they look at what is printed."""

    names: frozenset[str]
    output: bool

    @classmethod
    def by(cls, tests: Sequence[str]) -> "Used":
        """Of these tests; of anything, if there are none."""
        trees = [parse(test) for test in tests]
        names = frozenset(name for tree in trees for name in _names(tree))
        if any(isinstance(node, ast.JoinedStr) for tree in trees for node in ast.walk(tree)):
            names |= {"format"}
        return cls(names, bool(names & _OUTPUT) or not tests)


@dataclass(frozen=True, slots=True)
class _Unit:
    """A part of a program that is reached by any of its names, if also `owner` is."""

    node: ast.stmt
    names: frozenset[str]
    owner: str | None = None


def reached(tree: ast.Module, used: Used | None) -> list[ast.stmt]:
    """The functions, methods and other statements of `tree` that are executed for what is `used` (None: for anything).

    A class is not among them: its methods and the statements of its body are. Exceptions that the program defines say
    something to people, and are left out; so are statements that only a script runs, unless the tests run it.
    """
    units = list(_units(tree))
    if used is None:
        return [unit.node for unit in units if _SCRIPT not in unit.names]
    names, waiting = set(used.names), units
    found: list[_Unit] = []
    while True:
        now = [unit for unit in waiting if unit.names & names and (unit.owner is None or unit.owner in names)]
        if not now:
            return sorted((unit.node for unit in found), key=lambda node: node.lineno)
        found += now
        waiting = [unit for unit in waiting if unit not in now]
        for unit in now:
            names |= set(_names(unit.node)) | unit.names


def _units(tree: ast.Module) -> Iterator[_Unit]:
    for node in tree.body:
        match node:
            case ast.ClassDef():
                yield from _of_class(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield _Unit(node, frozenset((name,)))
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                yield _Unit(node, frozenset((_SCRIPT,)))
            case ast.Expr() | ast.Import() | ast.ImportFrom():
                continue
            case _:
                yield _Unit(node, frozenset(_defined(node)))


def _of_class(node: ast.ClassDef) -> Iterator[_Unit]:
    bases = {name for base in node.bases for name in _names(base)}
    if any(_ERROR_CLASS.search(name) for name in bases):
        return
    heads = frozenset((node.name,))
    for part in node.body:
        if isinstance(part, FUNCTIONS) and part.name in _AS_TEXT:
            yield _Unit(part, _TURNS_INTO_TEXT, node.name)
        elif isinstance(part, FUNCTIONS) and not (part.name.startswith("__") and part.name.endswith("__")):
            yield _Unit(part, frozenset((part.name,)), node.name)
        else:
            yield _Unit(part, heads, node.name)
    # What a class inherits from is reached with it.
    yield _Unit(ast.copy_location(ast.Expr(ast.Tuple(list(node.bases), ast.Load())), node), heads, node.name)


def _defined(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif isinstance(part, DEFINITIONS):
            yield part.name


def _names(node: ast.AST) -> Iterator[str]:
    """Names and attributes in `node`, and the words of its texts: a name may be looked up by one."""
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)) if len(text) <= 80:
                yield from re.findall(r"\w+", text)
