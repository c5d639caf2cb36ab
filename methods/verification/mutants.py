"""Broken versions of a program: tests that do not notice them say nothing of the program."""

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass

from evergrow.methods.answering.programs import parse

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


def mutants(code: str, most: int, seed: int = 0) -> list[str]:
    """Up to `most` programs that differ from `code`, and from each other, by one change that breaks something.

    Changes: comparisons, arithmetic and logic swapped, constants changed, conditions negated, a returned value lost, a
    statement left out, a function emptied. The first empties a function, if any returns something; the others are drawn
    by `seed` from all that can be made. What runs only as a script is left alone, as no test would notice.

    Raises:
        ValueError: `code` is no valid Python.
    """
    tree = parse(code)
    draw = random.Random(seed)  # noqa: S311 - a choice, not a secret
    emptied = [_emptied(node) for node in _nodes(tree) if isinstance(node, _FUNCTIONS) and _gives_something(node)]
    others = [edit for node in _nodes(tree) for edit in _edits(node)]
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


def _nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are executed when the program is imported and used, in the order of the text."""
    for name, value in ast.iter_fields(scope):
        if name in {"annotation", "returns", "decorator_list", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (_is_script(child) or _is_wording(child)):
                yield child
                yield from _nodes(child)


def _is_script(node: ast.AST) -> bool:
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
        return False
    return isinstance(node.test.left, ast.Name) and node.test.left.id == "__name__"


def _is_wording(node: ast.AST) -> bool:
    """Whether it is a docstring, or what an exception says: no test should depend on either."""
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _edits(node: ast.AST) -> Iterator[_Edit]:
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
    yield from _left_out(node)


def _left_out(node: ast.AST) -> Iterator[_Edit]:
    """One edit for each statement of a block of `node` that can be missing."""
    for block in ("body", "orelse"):
        statements = getattr(node, block, None)
        if isinstance(statements, list):
            for place, statement in enumerate(statements):
                if isinstance(statement, ast.Assign | ast.AugAssign | ast.Raise) or _is_call(statement):
                    yield _Edit(node, block, [*statements[:place], ast.Pass(), *statements[place + 1 :]])


def _is_call(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)


def _emptied(function: ast.AST) -> _Edit:
    return _Edit(function, "body", [ast.Return(ast.Constant(None))])


def _gives_something(function: ast.AST) -> bool:
    nodes = list(ast.walk(function))
    returned = [node.value for node in nodes if isinstance(node, ast.Return)]
    gives = any(not isinstance(value, ast.Constant) or value.value is not None for value in returned if value)
    return gives or any(isinstance(node, ast.Yield | ast.YieldFrom) for node in nodes)
