"""What a test checks: its assertions that are executed, with the values that they expect."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from evergrow.methods.verification.literals import is_literal

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
MOST_DEPTH = 8  # helpers that call helpers


@dataclass(frozen=True, slots=True)
class NodeField:
    """Where an expression stands in a tree: a field of a node, or an item of it."""

    node: ast.AST
    field: str
    item: int | None = None

    @property
    def value(self) -> ast.expr:
        """The expression."""
        found = getattr(self.node, self.field)
        return found if self.item is None else found[self.item]  # type: ignore[no-any-return]

    def put(self, value: ast.expr) -> None:
        """Put another one there."""
        if self.item is None:
            setattr(self.node, self.field, value)
        else:
            getattr(self.node, self.field)[self.item] = value


Origins = Mapping[str, tuple[NodeField, ...]]  # the literals that a name stands for


@dataclass(frozen=True, slots=True)
class Check:
    """An assertion of a test.

    Attributes:
        node: the `assert`; the call of an `assert...` method; a `try` or `with` that expects an exception.
        certain: whether it is executed whatever the program does.
        origins: the literals behind each name that stands for such, and is read nowhere else.
    """

    node: ast.Assert | ast.Call | ast.Try | ast.With | ast.AsyncWith
    certain: bool
    origins: Origins


@dataclass(slots=True)
class _Scope:
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
    classes: dict[str, ast.ClassDef]
    walked: set[int] = field(default_factory=set)


def checks(tree: ast.Module) -> list[Check]:
    """The assertions that are executed when `tree` runs, in the order in which they are met; each once."""
    functions = {node.name: node for node in tree.body if isinstance(node, FUNCTIONS)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return list(_of_block(tree.body, _Scope(functions, classes), _origins(tree.body, {}), certain=True))


def _of_block(block: list[ast.stmt], scope: _Scope, origins: Origins, *, certain: bool) -> Iterator[Check]:
    for statement in block:
        yield from _of_statement(statement, scope, origins, certain=certain)
        if not isinstance(statement, SCOPES):
            certain = certain and not _may_leave(statement)


def _of_statement(  # noqa: C901, PLR0912 - a case each
    statement: ast.stmt, scope: _Scope, origins: Origins, *, certain: bool
) -> Iterator[Check]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return
        case ast.Assert():
            yield Check(statement, certain, origins)
        case ast.For(target=target, iter=values, body=body, orelse=orelse):
            within = {**origins, **_of_loop(target, values, body)}
            whole = certain and _has_items(values) and not any(map(_may_leave, body))
            yield from _of_block(body, scope, within, certain=whole)
            yield from _of_block(orelse, scope, origins, certain=False)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            if expects_exception(statement):
                yield Check(statement, certain, origins)
            for part in (body, *(handler.body for handler in handlers), orelse, final):
                yield from _of_block(part, scope, origins, certain=False)
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            calls = [item.context_expr for item in items]
            if raises := [call for call in calls if isinstance(call, ast.Call) and _attribute(call) in RAISES]:
                yield Check(statement, certain, origins)
            plain = certain and not raises and not any("suppress" in ast.unparse(call) for call in calls)
            yield from _of_block(body, scope, origins, certain=plain)
        case ast.If(body=body, orelse=orelse) | ast.While(body=body, orelse=orelse):
            yield from _of_block(body, scope, origins, certain=False)
            yield from _of_block(orelse, scope, origins, certain=False)
        case ast.Match(cases=cases):
            for case in cases:
                yield from _of_block(case.body, scope, origins, certain=False)
        case _:
            alone = statement.value if isinstance(statement, ast.Expr) else None
            for call in _calls(statement):
                is_alone = call is alone or (isinstance(alone, ast.Call) and call in alone.args)
                yield from _of_call(call, scope, origins, certain=certain and is_alone)


RAISES = frozenset(("assertRaises", "assertRaisesRegex", "raises"))


def expects_exception(node: ast.Try) -> bool:
    """Whether a `try` fails unless its body raises: it does so after the body, or where nothing was raised."""
    caught = node.handlers and all(not _fails(handler.body[-1:]) for handler in node.handlers)
    return bool(caught) and (_fails(node.body[-1:]) or _fails(node.orelse))


def _fails(block: Iterable[ast.stmt]) -> bool:
    for statement in block:
        match statement:
            case ast.Assert(test=ast.Constant(value=value)) if not value:
                return True
            case ast.Raise(exc=raised) if raised is not None and "AssertionError" in ast.unparse(raised):
                return True
    return False


def _of_call(call: ast.Call, scope: _Scope, origins: Origins, *, certain: bool) -> Iterator[Check]:
    name = _attribute(call)
    if isinstance(call.func, ast.Attribute) and name.startswith("assert") and name != "assert_":
        yield Check(call, certain, origins)
    for function, given in _called(call, scope):
        if id(function) not in scope.walked and len(scope.walked) < 64:
            scope.walked.add(id(function))
            known = _of_parameters(function, call) if given else {}
            local = _origins(function.body, {n: p for n, p in known.items() if _is_read_once(function.body, n)})
            lazy = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _within_function(function))
            yield from _of_block(function.body, scope, local, certain=certain and not lazy)


def _called(call: ast.Call, scope: _Scope) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """The functions of the test that `call` runs, and whether with its own arguments."""
    match call.func:
        case ast.Name(id=name) if name in scope.functions:
            yield scope.functions[name], True
        case ast.Attribute(value=ast.Call(func=ast.Name(id=name)), attr=method) if name in scope.classes:
            yield from ((node, False) for node in _methods(scope.classes[name]) if node.name == method)
        case ast.Attribute(value=ast.Call(args=[ast.Name(id=name)]), attr="debug") if name in scope.classes:
            yield from ((node, False) for node in _methods(scope.classes[name]) if node.name.startswith("test"))
        case ast.Attribute(value=ast.Name(id="self"), attr=method):
            yield from ((m, True) for c in scope.classes.values() for m in _methods(c) if m.name == method)


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [part for part in node.body if isinstance(part, FUNCTIONS)]


def _calls(statement: ast.AST) -> Iterator[ast.Call]:
    """All calls of a statement, but those within functions that it defines."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, SCOPES):
            if isinstance(child, ast.Call):
                yield child
            yield from _calls(child)


def _may_leave(statement: ast.stmt) -> bool:
    leaving = (ast.Return, ast.Break, ast.Continue, ast.Raise)
    return any(isinstance(node, leaving) for node in _within(statement))


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    yield scope
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, SCOPES):
            yield from _within(child)


def _origins(block: list[ast.stmt], known: Origins) -> Origins:
    """The literals behind the names that `block` assigns once and reads once."""
    found = dict(known)
    stores = [node.id for part in block for node in ast.walk(part) if isinstance(node, ast.Name) and _stored(node)]
    for statement in block:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_literal(value):
                if stores.count(name) == 1 and _reads(block, name) == 1:
                    found[name] = (NodeField(statement, "value"),)
    return found


def _within_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    return (node for statement in function.body for node in _within(statement))


def _is_read_once(block: list[ast.stmt], name: str) -> bool:
    """Whether `name`, which has a value before `block`, is read there once and never set."""
    nodes = (node for part in block for node in ast.walk(part))
    return [_stored(node) for node in nodes if isinstance(node, ast.Name) and node.id == name] == [False]


def _stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _reads(block: list[ast.stmt], name: str) -> int:
    nodes = (node for part in block for node in ast.walk(part))
    return sum(isinstance(node, ast.Name) and node.id == name and not _stored(node) for node in nodes)


def _has_items(values: ast.expr) -> bool:
    match values:
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return bool(parts)
        case ast.Call(func=ast.Attribute(value=ast.Dict(keys=keys), attr="items")):
            return bool(keys)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(n))]):
            return n > 0
        case _:
            return False


def _of_loop(target: ast.expr, values: ast.expr, body: list[ast.stmt]) -> Origins:
    """The literals behind the names of a loop over such."""
    found: dict[str, tuple[NodeField, ...]] = {}
    match target, values:
        case ast.Name(id=name), (ast.List(elts=rows) | ast.Tuple(elts=rows)) if all(map(is_literal, rows)):
            found[name] = tuple(NodeField(values, "elts", n) for n in range(len(rows)))
        case ast.Tuple(elts=names), (ast.List(elts=rows) | ast.Tuple(elts=rows)):
            for item, part in enumerate(names):
                full = [row for row in rows if isinstance(row, ast.Tuple | ast.List) and len(row.elts) == len(names)]
                if isinstance(part, ast.Name) and len(full) == len(rows):
                    found[part.id] = tuple(NodeField(row, "elts", item) for row in full if is_literal(row.elts[item]))
        case (
            ast.Tuple(elts=[_, ast.Name(id=name)]),
            ast.Call(func=ast.Attribute(value=ast.Dict(values=rows) as table, attr="items")),
        ):
            found[name] = tuple(NodeField(table, "values", n) for n, row in enumerate(rows) if is_literal(row))
    return {name: places for name, places in found.items() if places and _is_read_once(body, name)}


def _of_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> Origins:
    names = [argument.arg for argument in function.args.args]
    if names[:1] == ["self"]:
        names = names[1:]
    found = {
        n: (NodeField(call, "args", i),) for i, n in enumerate(names[: len(call.args)]) if is_literal(call.args[i])
    }
    named = {k.arg: (NodeField(k, "value"),) for k in call.keywords if k.arg and is_literal(k.value)}
    return {**found, **named}


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
