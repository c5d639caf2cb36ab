"""Code in texts: found, and reduced to what it does, with names numbered and comments dropped.

Python is compared by its syntax tree, other languages by the tokens that pygments finds. Only code that shares its
skeleton (everything but names, strings and comments) with that of another text is parsed at all.
"""

import ast
import re
from collections.abc import Iterator

import numpy as np
import polars as pl
from pygments import lexers
from pygments.lexer import Lexer
from pygments.token import Comment, Name, Text
from pygments.util import ClassNotFound

MAX_CHARS = 50_000
NO_CODE = np.uint64(0)
_SEED = 417
_FENCE = r"(?s)```[ \t]*([\w+#-]*)[^\n]*\n(.*?)(?:```|\z)"
# The first line of a text that is code as a whole, behind comments.
_WHOLE = (
    r"^\s*(?:(?:#|//|/\*|\*)[^\n]*\n\s*)*(?:@\w|def \w+\s*\(|async def |class \w+\s*[:({<]|import [\w.{*]"
    r"|from [\w.]+ import |#include|package |using |function\s*\*?\s*\w+\s*\("
    r"|(?:export|public|private|protected|static|const|let|var|func|fn|impl|pub|struct|enum|int|void|double|float|bool|long|char|unsigned)\b[^\n]*[({;=])"
)
_PYTHON = re.compile(r"(?m)^\s*(?:def \w+\(.*\).*:|class \w+.*:|import \w|from [\w.]+ import |@\w)")
_GUESSES = (
    (re.compile(r"#include|std::|\bint main\("), "cpp"),
    (re.compile(r"\bfn \w+|\blet mut\b|impl\b.*\{"), "rust"),
    (re.compile(r"\bfunc \w+\(|^package \w+$", re.MULTILINE), "go"),
    (re.compile(r"\bpublic (?:static |class )|\bSystem\.out"), "java"),
    (re.compile(r"\bfunction\b|=>|\b(?:const|let|var) \w+"), "javascript"),
    (re.compile(r"\b(?:int|void|double|char|float)\b"), "c"),
)
_NAMING: dict[type[ast.AST], tuple[str, ...]] = {
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler), ("name",)),
    ast.Name: ("id",),
    ast.arg: ("arg",),
    ast.alias: ("asname",),
}
_DEFINING = ("function", "func", "fn", "def", "class")
_SKELETON = (
    (r'(?s)""".*?"""|\'\'\'.*?\'\'\'|/\*.*?\*/', ""),
    (r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\\n])*`', "0"),
    (r"(?:#|//)[^\n]*", ""),
    (r"[\p{L}_]\w*", "N"),
    (r"\s+", ""),
)


def without_code(texts: pl.Series) -> tuple[pl.Series, np.ndarray]:
    """The prose of each text, and uint64 (n,): a hash of what its code does, `NO_CODE` where it has none."""
    whole = texts.str.contains(_WHOLE).fill_null(value=False)
    fenced = texts.str.contains("```", literal=True).fill_null(value=False) & ~whole
    hashes = np.zeros(len(texts), np.uint64)
    rows = np.flatnonzero((whole | fenced).to_numpy())
    if not len(rows):
        return texts, hashes
    codes = [_code(text, is_whole=bool(whole[int(row)])) for row, text in zip(rows, texts.gather(rows), strict=True)]
    skeletons = pl.Series([code for _, code in codes])
    for pattern, instead in _SKELETON:
        skeletons = skeletons.str.replace_all(pattern, instead)
    shared = skeletons.is_duplicated().to_numpy()
    found = skeletons.hash(_SEED).to_numpy().copy()
    if shared.any():
        reduced = [canonical(code, language) for (language, code), again in zip(codes, shared, strict=True) if again]
        found[shared] = pl.Series(reduced).hash(_SEED).to_numpy()
    hashes[rows] = np.where(skeletons.str.len_bytes().to_numpy() > 0, np.maximum(found, 1), NO_CODE)
    prose = texts.to_frame("text").select(
        pl.when(whole).then(pl.lit("")).otherwise(pl.col("text").str.replace_all(_FENCE, " "))
    )
    return prose.to_series(), hashes


def canonical(code: str, language: str = "") -> str:
    """`code` without comments and layout, its own names numbered; of unreadable code, its words as they are."""
    if len(code) > MAX_CHARS:
        return " ".join(code.split())
    is_python = language.lower() in ("python", "py", "python3") or (not language and bool(_PYTHON.search(code)))
    if is_python:
        try:
            return _of_tree(ast.parse(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            language = "python"
    return _of_tokens(code, language)


def _code(text: str, *, is_whole: bool) -> tuple[str, str]:
    """The language and the code of a text; of several blocks, all of them."""
    if is_whole:
        return "", text
    blocks = re.findall(r"(?s)```[ \t]*([\w+#-]*)[^\n]*\n(.*?)(?:```|\Z)", text)
    return (blocks[0][0] if blocks else "", "\n".join(block for _, block in blocks))


def _of_tree(tree: ast.Module) -> str:
    numbers: dict[str, str] = {}
    for name in _bound(tree):
        numbers.setdefault(name, f"v{len(numbers)}")
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del node.body[0]
        for field in _NAMING.get(type(node), ()):
            name = getattr(node, field)
            setattr(node, field, numbers.get(name, name))
    return ast.dump(tree, annotate_fields=False)


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that the code itself gives, in their order."""
    for node in _in_order(tree):
        named = not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store)
        for field in _NAMING.get(type(node), ()) if named else ():
            if name := getattr(node, field):
                yield str(name)


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _of_tokens(code: str, language: str) -> str:
    lexer = _lexer(code, language)
    if lexer is None:
        return " ".join(code.split())
    kept = [
        (kind, text)
        for kind, text in lexer.get_tokens(code)
        if kind not in Comment and text.strip() and kind not in Text
    ]
    numbers: dict[str, str] = {}
    found = []
    for at, (kind, text) in enumerate(kept):
        before, after = kept[at - 1][1] if at else "", kept[at + 1][1] if at + 1 < len(kept) else ""
        own = kind in Name and kind not in Name.Builtin and before not in (".", "->", "::")
        called = after == "(" and text not in numbers and kind not in Name.Function and before not in _DEFINING
        found.append(numbers.setdefault(text, f"v{len(numbers)}") if own and not called else text)
    return " ".join(found)


def _lexer(code: str, language: str) -> Lexer | None:
    name = language or next((name for pattern, name in _GUESSES if pattern.search(code)), "")
    try:
        return lexers.get_lexer_by_name(name, stripnl=True) if name else None
    except ClassNotFound:
        return None
