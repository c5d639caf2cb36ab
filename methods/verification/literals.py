"""Values that are written out in a program, and other values of the same form."""

import ast
import random
from itertools import count

# What they make differs if what they are given differs.
CONSTRUCTORS = frozenset({
    "Fraction", "Decimal", "date", "datetime", "timedelta", "set", "frozenset", "tuple", "list", "dict", "deque",
    "Counter", "OrderedDict", "complex", "array", "Path", "PurePath",
})  # fmt: skip
_UNLIKELY, _FAR = 7_919, 1_000_003


def is_literal(node: ast.AST) -> bool:  # noqa: PLR0911 - a case each
    """Whether `node` is a value written out: a constant, a collection, a sum of them, such as `Fraction(1, 2)`."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return is_literal(operand)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return all(map(is_literal, parts))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and is_literal(key) for key in keys) and all(map(is_literal, values))
        case ast.BinOp(left=left, right=right):
            return is_literal(left) and is_literal(right)
        case ast.Call(func=function, args=arguments, keywords=[]):
            return _name(function) in CONSTRUCTORS and all(map(is_literal, arguments))
        case _:
            return False


def other_literal(node: ast.expr, draw: random.Random, *, far: bool = False) -> ast.expr:
    """A literal of the same form as the literal `node`, with another value; numbers are `far` from what they were."""
    match node:
        case ast.Constant(value=value):
            return ast.Constant(_far(value) if far and isinstance(value, int | float) else _other_value(value, draw))
        case ast.UnaryOp(op=op, operand=ast.Constant(value=int() | float()) as operand):
            return ast.UnaryOp(op, other_literal(operand, draw, far=far))
        case ast.BinOp():
            return ast.BinOp(node, ast.Add(), _added_to(node, far=far))
        case ast.Call(func=function, args=arguments):
            changed = [other_literal(arguments[0], draw, far=far), *arguments[1:]] if arguments else [_list_of_zero()]
            return ast.Call(function, changed, [])
        case ast.List() | ast.Tuple() | ast.Set() | ast.Dict():
            return _other_collection(node, draw, far=far)
        case _:
            return ast.UnaryOp(ast.Not(), node)


def _other_collection(node: ast.List | ast.Tuple | ast.Set | ast.Dict, draw: random.Random, *, far: bool) -> ast.expr:
    match node:
        case ast.Set(elts=parts):
            there = {part.value for part in parts if isinstance(part, ast.Constant)}
            return ast.Set([*parts, ast.Constant(next(n for n in count(_UNLIKELY) if n not in there))])
        case ast.Dict(keys=keys, values=values):
            if not values:
                return ast.Dict([ast.Constant(0)], [ast.Constant(0)])
            return ast.Dict(keys, _one_changed(values, draw, far=far))
        case _:
            parts = _one_changed(node.elts, draw, far=far) if node.elts else [ast.Constant(0)]
            return type(node)(parts, ast.Load())


def _list_of_zero() -> ast.expr:
    return ast.List([ast.Constant(0)], ast.Load())


def _other_value(value: object, draw: random.Random) -> complex | str | bytes:  # noqa: PLR0911 - a case each
    match value:
        case bool():
            return not value
        case int():
            return value + draw.choice((1, 2, 10))
        case float():
            other = value * 2 + 1
            return other if other != value and other - other == 0 else 0.5
        case complex():
            return value + 1
        case str():
            return value + draw.choice("abcdexyz")
        case bytes():
            return value + b"x"
        case _:
            return 0


def _far(value: float) -> float:
    """A number that no tolerance takes for `value`."""
    other = value + _FAR * (1 + abs(value))
    return other if other - other == 0 else 0.5


def _one_changed(parts: list[ast.expr], draw: random.Random, *, far: bool) -> list[ast.expr]:
    place = draw.randrange(len(parts))
    return [*parts[:place], other_literal(parts[place], draw, far=far), *parts[place + 1 :]]


def _added_to(node: ast.expr, *, far: bool) -> ast.expr:
    """What can be added to the sum or product `node` and changes it."""
    kinds = {type(part) for part in ast.walk(node)} | {
        type(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)
    }
    if str in kinds:
        return ast.Constant("x")
    if ast.List in kinds:
        return _list_of_zero()
    if ast.Tuple in kinds:
        return ast.Tuple([ast.Constant(0)], ast.Load())
    return ast.Constant(_FAR if far else 1)


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
