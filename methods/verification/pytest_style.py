"""Tests that are written for pytest, in the words of the standard library."""

import ast
import copy


def without_pytest(tree: ast.Module) -> str | None:
    """The test without pytest: `raises`, `fail` and `approx` of a number become what the standard library has.

    None where it does not import pytest, or uses more of it: then it stays as it is.
    """
    if not any(isinstance(node, ast.Import) and any(a.name == "pytest" for a in node.names) for node in ast.walk(tree)):
        return None
    rewriting = _Rewriting()
    changed = rewriting.visit(copy.deepcopy(tree))
    if any(isinstance(node, ast.Name) and node.id == "pytest" for node in ast.walk(changed)):
        return None
    changed.body[:0] = [ast.Import([ast.alias("math")]), ast.Import([ast.alias("unittest")])]
    return ast.unparse(ast.fix_missing_locations(changed))


class _Rewriting(ast.NodeTransformer):
    def __init__(self) -> None:
        self._caught: set[str] = set()

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name != "pytest"]
        return node if node.names else None

    def visit_With(self, node: ast.With) -> ast.AST:
        for item in node.items:
            if _is_pytest(item.context_expr, "raises") and isinstance(item.optional_vars, ast.Name):
                self._caught.add(item.optional_vars.id)
        return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr == "value" and isinstance(node.value, ast.Name) and node.value.id in self._caught:
            node.attr = "exception"
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if _is_pytest(node, "raises"):
            match = [word.value for word in node.keywords if word.arg == "match"]
            node.keywords = [word for word in node.keywords if word.arg != "match"]
            node.args[1:1] = match
            node.func = _of_case("assertRaisesRegex" if match else "assertRaises")
        elif _is_pytest(node, "fail"):
            node.func = _of_case("fail")
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Compare(left=value, ops=[ast.Eq()], comparators=[ast.Call(args=[expected, *_]) as call]) if (
                _is_pytest(call, "approx") and _is_number(expected)
            ):
                given = {word.arg: word.value for word in call.keywords}
                tolerances = (
                    ("rel_tol", given.get("rel", ast.Constant(1e-6))),
                    ("abs_tol", given.get("abs", ast.Constant(1e-12))),
                )
                words = [ast.keyword(name, tolerance) for name, tolerance in tolerances]
                return ast.Call(
                    ast.Attribute(ast.Name("math", ast.Load()), "isclose", ast.Load()), [value, expected], words
                )
            case _:
                return node


def _is_pytest(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.{name}"


def _is_number(node: ast.expr) -> bool:
    parts = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.Attribute, ast.Name, ast.expr_context)
    return all(isinstance(part, parts) for part in ast.walk(node))


def _of_case(method: str) -> ast.expr:
    case = ast.Call(ast.Attribute(ast.Name("unittest", ast.Load()), "TestCase", ast.Load()), [], [])
    return ast.Attribute(case, method, ast.Load())
