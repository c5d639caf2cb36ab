"""Tells code from instructions, for seed files that do not say which they hold."""

import ast
import warnings

import polars as pl

from evergrow.resources.seeds.source import Kind

# Comments, decorators and imports may come before the header of a function or class.
BEGINS_AS_CODE = (
    r"\A(?:[ \t]*(?:#[^\n]*|@[^\n]*|import [^\n]*|from \S+ import [^\n]*)?\r?\n)*"
    r"[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:])"
)
MAY_BE_CODE = r"(?m)=|^\s*(?:async|class|def|for|from|if|import|try|while|with)\b"
STATEMENTS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign,
    ast.For, ast.While, ast.If, ast.With, ast.AsyncFor, ast.AsyncWith, ast.Try,
)  # fmt: skip


def guess_kinds(contents: pl.Series) -> pl.Series:
    """The kind of each text of `contents` (String, no nulls): "code" or "instruction", as a String series.

    Code is what begins with the header of a Python function or class (after comments, decorators and imports), valid
    or not, or what is valid Python with at least one statement at its top that prose cannot be by accident: a
    definition, an import, an assignment, a loop, a branch. All else is an instruction.
    """
    texts = pl.DataFrame({"text": contents}).select(
        "text", code=pl.col("text").str.contains(BEGINS_AS_CODE), candidate=pl.col("text").str.contains(MAY_BE_CODE)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes such as "\d" in a seed's strings are no concern of ours
        kinds: list[Kind] = [
            "code" if code or (candidate and _is_program(text)) else "instruction"
            for text, code, candidate in texts.iter_rows()
        ]
    return pl.Series("kind", kinds, dtype=pl.String)


def _is_program(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, STATEMENTS) or _is_annotated_value(node) for node in tree.body)


def _is_annotated_value(node: ast.stmt) -> bool:
    """`total: int = 0`, but not `Task: sort`, which is valid Python as well."""
    return isinstance(node, ast.AnnAssign) and node.value is not None
