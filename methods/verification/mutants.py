"""Broken versions of a program: tests that do not notice them say nothing of the program."""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evergrow.methods.answering.programs import parse
from evergrow.methods.verification.reach import Used, reached

_OTHER_COMPARISON: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_OTHER_OPERATOR: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.MatMult: ast.Sub,
}  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Calls whose arguments or absence no test can notice: they wait, log, describe, or make room.
_SILENT = frozenset({
    "sleep", "setrecursionlimit", "flush", "close", "TypeVar", "ParamSpec", "NewType", "basicConfig", "getLogger",
    "warn", "simplefilter", "filterwarnings", "collect",
})  # fmt: skip
_LOG_METHODS = frozenset(("debug", "info", "warning", "error", "exception", "critical", "log"))
_LOGGER = re.compile(r"log", re.IGNORECASE)
_DESCRIPTIONS = frozenset(("help", "description", "metavar", "doc", "prompt", "maxsize", "timeout", "encoding"))
_ABOUT_ITSELF = frozenset(("__all__", "__slots__", "__version__", "__author__", "__doc__", "__match_args__"))


@dataclass(frozen=True, slots=True)
class _Edit:
    """A change of one field of a node of the tree, which can be undone."""

    node: ast.AST
    field: str
    value: object

    def written(self, tree: ast.Module) -> str:
        """The program with this change."""
        before = getattr(self.node, self.field)
        setattr(self.node, self.field, self.value)
        try:
            return ast.unparse(tree)
        finally:
            setattr(self.node, self.field, before)


def mutants(code: str, most: int, seed: int = 0, tests: Sequence[str] | None = None) -> list[str]:
    """Up to `most` programs that differ from `code`, and from each other, by one change that breaks something.

    Changes: comparisons, arithmetic and logic swapped, constants changed, conditions negated, a returned value lost, a
    statement left out, a function emptied. The first empties a function, if any returns something; the others are drawn
    by `seed` from all that can be made. Only what `tests` reach is changed (None: all but what runs as a script), and
    nothing that people read: docstrings, what exceptions and logs say, what is printed unless the tests look at it.

    Raises:
        ValueError: `code` is no valid Python.
    """
    tree = parse(code)
    draw = random.Random(seed)  # noqa: S311 - a choice, not a secret
    used = None if tests is None else Used.by(tests)
    parts = reached(tree, used)
    walk = _Walk(used, _wordings(tree))
    nodes = [node for part in parts for node in (part, *walk.nodes(part))]
    emptied = [_emptied(node) for node in nodes if isinstance(node, _FUNCTIONS) and _gives_something(node)]
    others = [edit for node in nodes for edit in walk.edits(node)]
    draw.shuffle(emptied)
    draw.shuffle(others)
    try:
        seen = {ast.unparse(tree): None}
        for edit in (*emptied[:1], *others, *emptied[1:]):
            if len(seen) > most:
                break
            seen[edit.written(tree)] = None
    except (RecursionError, ValueError):
        return []  # it cannot be written: nested too deeply, or a number too long
    return list(seen)[1:]


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through a program, past what no test could notice.

    Attributes:
        used: what the tests use; None: anything.
        wordings: names of variables that only messages are made of.
    """

    used: Used | None
    wordings: frozenset[str]

    def nodes(self, scope: ast.AST) -> Iterator[ast.AST]:
        """The nodes that are executed when the program is used, in the order of the text."""
        for name, value in ast.iter_fields(scope):
            if name in {"annotation", "returns", "decorator_list", "type_params", "msg"}:
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not self._is_unnoticed(child):
                    yield child
                    yield from self.nodes(child)

    def edits(self, node: ast.AST) -> Iterator[_Edit]:
        """All changes of `node`."""
        match node:
            case ast.Compare(ops=[first, *rest]):
                yield _Edit(node, "ops", [_OTHER_COMPARISON[type(first)](), *rest])
            case ast.BinOp(op=operator) | ast.AugAssign(op=operator):
                yield _Edit(node, "op", _OTHER_OPERATOR[type(operator)]())
            case ast.BoolOp(op=ast.And()):
                yield _Edit(node, "op", ast.Or())
            case ast.BoolOp(op=ast.Or()):
                yield _Edit(node, "op", ast.And())
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not isinstance(test, ast.Compare):
                yield _Edit(node, "test", ast.UnaryOp(ast.Not(), test))
            case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
                yield _Edit(node, "value", ast.Constant(None))
            case ast.Constant(value=value) if isinstance(value, bool | int | float):
                yield _Edit(node, "value", not value if isinstance(value, bool) else value + 1)
            case ast.Constant(value=str(text)):
                yield _Edit(node, "value", f"{text}_")
        yield from self._left_out(node)

    def _left_out(self, node: ast.AST) -> Iterator[_Edit]:
        """One edit for each statement of a block of `node` that can be missing."""
        for block in ("body", "orelse"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                for place, statement in enumerate(statements):
                    if self._can_be_missing(statement):
                        yield _Edit(node, block, [*statements[:place], ast.Pass(), *statements[place + 1 :]])

    def _can_be_missing(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Raise(exc=raised):
                names = {part.id for part in ast.walk(raised) if isinstance(part, ast.Name)} if raised else set()
                return self.used is None or bool(names & self.used.names)
            case ast.Assign() | ast.AugAssign() | ast.Expr(value=ast.Call()):
                return not self._is_unnoticed(statement)
            case _:
                return False

    def _is_unnoticed(self, node: ast.AST) -> bool:  # noqa: PLR0911 - a case each
        match node:
            case ast.Raise() | ast.Expr(value=ast.Constant()):  # no test should depend on what either says
                return True
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                return self.used is None
            case ast.Call(func=function, args=arguments):
                name = _last_name(function)
                prints = name in {"print", "write"} and self.used is not None and not self.used.output
                logs = name in _LOG_METHODS and bool(_LOGGER.search(ast.unparse(function)))
                asks = name == "input" and bool(arguments)  # the argument is for the user's eyes
                return name in _SILENT or prints or logs or asks
            case ast.Expr(value=ast.Call() as call) | ast.Expr(value=ast.Await(value=ast.Call() as call)):
                return self._is_unnoticed(call)
            case ast.keyword(arg=name):
                return name in _DESCRIPTIONS
            case ast.Assign(targets=[ast.Name(id=name)]):
                return name in self.wordings or name in _ABOUT_ITSELF
            case _:
                return False


def _wordings(tree: ast.Module) -> frozenset[str]:
    """Variables that are read in `raise` statements only."""
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    said = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    elsewhere = {node.id for node in read if id(node) not in said}
    return frozenset(node.id for node in read if id(node) in said) - elsewhere


def _last_name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _emptied(function: ast.AST) -> _Edit:
    return _Edit(function, "body", [ast.Return(ast.Constant(None))])


def _gives_something(function: ast.AST) -> bool:
    nodes = list(ast.walk(function))
    returned = [node.value for node in nodes if isinstance(node, ast.Return)]
    gives = any(not isinstance(value, ast.Constant) or value.value is not None for value in returned if value)
    return gives or any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes)
