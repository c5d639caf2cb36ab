"""Tests with a wrong expectation: whoever passes them too does not compute what they ask for.

An answer whose results equal everything, that reads what is expected from its caller, or that claims to have passed
cannot tell a test from such a version of it, unless it knows the right result.
"""

import ast
import random
from collections.abc import Callable
from dataclasses import dataclass

from evergrow.methods.answering.programs import parse
from evergrow.methods.verification.assertions import RAISES, Check, NodeField, Origins, checks
from evergrow.methods.verification.literals import is_literal, other_literal

OTHER_EXCEPTIONS = ("BufferError", "EOFError")
_OTHER_METHODS = {
    "assertEqual": "assertNotEqual", "assertTrue": "assertFalse", "assertIn": "assertNotIn", "assertIs": "assertIsNot",
    "assertIsNone": "assertIsNotNone", "assertAlmostEqual": "assertNotAlmostEqual", "assertGreater": "assertLessEqual",
    "assertGreaterEqual": "assertLess", "assertIsInstance": "assertNotIsInstance",
    "assertListEqual": "assertNotEqual", "assertDictEqual": "assertNotEqual", "assertTupleEqual": "assertNotEqual",
    "assertSetEqual": "assertNotEqual", "assertSequenceEqual": "assertNotEqual",
}  # fmt: skip
OTHER_METHODS = {**_OTHER_METHODS, **{other: name for name, other in list(_OTHER_METHODS.items())[:9]}}
EQUALITIES = frozenset(name for name in _OTHER_METHODS if name.endswith("Equal") and name != "assertGreaterEqual")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A version of a test that no right program passes.

    Attributes:
        text: Python.
        certain: whether what is wrong in it is executed whatever the program does.
    """

    text: str
    certain: bool


def wrong_expectation(test: str, draw: random.Random) -> Wrong:
    """`test` with one expectation changed, drawn from those that are certainly executed, if there are any.

    One that is written out becomes another value of the same form; any other assertion is turned round; an exception
    that is expected becomes another one. Where nothing can be changed, something wrong is asserted at the end.

    Raises:
        ValueError: `test` is no valid Python.
    """
    tree = parse(test)
    found = [(check.certain, change) for check in checks(tree) for change in _changes(check, draw)]
    surest = [one for one in found if one[0]] or found
    if not surest:
        return Wrong(f"{ast.unparse(tree)}\nassert 1 == 2", certain=True)
    certain, change = draw.choice(surest)
    change()
    return Wrong(ast.unparse(ast.fix_missing_locations(tree)), certain)


def rewritten(test: str) -> str:
    """`test` in the form in which its wrong versions are written, so that no layout gives them away.

    Raises:
        ValueError: `test` is no valid Python, or cannot be written again.
    """
    try:
        return ast.unparse(parse(test))
    except RecursionError as error:
        raise ValueError("the test is nested too deeply") from error


def _changes(check: Check, draw: random.Random) -> list[Callable[[], None]]:
    match check.node:
        case ast.Assert():
            if _is_failure(check.node):
                return []
            return [_changed(NodeField(check.node, "test"), check.origins, draw)]
        case ast.Call() as call:
            return _of_method(call, check.origins, draw)
        case ast.Try(handlers=handlers):
            return [lambda: _expect_others(handlers)]
        case ast.With(items=items) | ast.AsyncWith(items=items):
            calls = [item.context_expr for item in items if isinstance(item.context_expr, ast.Call)]
            return [_other_argument(call) for call in calls if _attribute(call) in RAISES and call.args]
        case _:
            return []


def _is_failure(node: ast.Assert) -> bool:
    """Whether it is `assert False`: what a test says where an exception did not come."""
    return isinstance(node.test, ast.Constant) and not node.test.value


def _changed(place: NodeField, origins: Origins, draw: random.Random) -> Callable[[], None]:
    """What makes the condition at `place` false where it was true."""
    condition = place.value
    match condition:
        case ast.BoolOp(op=ast.And(), values=values):
            return _changed(NodeField(condition, "values", draw.randrange(len(values))), origins, draw)
        case ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=bool(value))]):
            return lambda: NodeField(condition, "comparators", 0).put(ast.Constant(not value))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return lambda: place.put(operand)
    nearly = not isinstance(condition, ast.Compare) or not isinstance(condition.ops[0], ast.Eq)
    for at in _expected(condition):
        if (change := _other_value(at, origins, draw, far=nearly)) is not None:
            return change
    return lambda: place.put(ast.UnaryOp(ast.Not(), condition))


def _expected(condition: ast.expr) -> list[NodeField]:
    """Where a condition may have what it expects: the sides of an equation, exact or nearly so."""
    match condition:
        case ast.Compare(ops=[ast.Eq()]):
            return [NodeField(condition, "comparators", 0), NodeField(condition, "left")]
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="abs"), args=[ast.BinOp(op=ast.Sub()) as difference]),
            ops=[ast.Lt() | ast.LtE()],
        ):
            return [NodeField(difference, "right"), NodeField(difference, "left")]
        case ast.Call(args=[_, _, *_]) if _name(condition) in {"isclose", "allclose", "array_equal"}:
            return [NodeField(condition, "args", 1), NodeField(condition, "args", 0)]
        case _:
            return []


def _other_value(at: NodeField, origins: Origins, draw: random.Random, *, far: bool) -> Callable[[], None] | None:
    """What puts another value in place of a literal, or of the one that a name stands for: `far` from it, or any."""
    side = at.value
    places = (at,) if is_literal(side) else origins.get(side.id, ()) if isinstance(side, ast.Name) else ()
    if not places:
        return None
    place = draw.choice(places)
    return lambda: place.put(other_literal(place.value, draw, far=far))


def _of_method(call: ast.Call, origins: Origins, draw: random.Random) -> list[Callable[[], None]]:
    name = _attribute(call)
    if name in RAISES:
        return [_other_argument(call)] if len(call.args) > 1 else []  # without a function it is the head of a `with`
    if name in EQUALITIES:
        for item in range(min(2, len(call.args)) - 1, -1, -1):
            at = NodeField(call, "args", item)
            if (change := _other_value(at, origins, draw, far=name == "assertAlmostEqual")) is not None:
                return [change]
    if name in OTHER_METHODS and isinstance(call.func, ast.Attribute):
        function = call.func
        return [lambda: setattr(function, "attr", OTHER_METHODS[name])]
    return []


def _other_argument(call: ast.Call) -> Callable[[], None]:
    return lambda: NodeField(call, "args", 0).put(_another_exception(call.args[0]))


def _expect_others(handlers: list[ast.ExceptHandler]) -> None:
    for handler in handlers:
        handler.type = _another_exception(handler.type)


def _another_exception(expected: ast.expr | None) -> ast.expr:
    words = ast.unparse(expected) if expected is not None else ""
    return ast.Name(next(name for name in OTHER_EXCEPTIONS if name not in words), ast.Load())


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else _attribute(call)


def _attribute(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
