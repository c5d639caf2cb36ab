"""The program in an answer: its block of code, valid Python that is more than a sketch. It is never run here."""

import ast
import io
import re
import sys
import threading
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from evergrow.methods.text.answers import excerpt

PYTHON = ("python", "python3", "py")
MAX_CHARS = 200_000
_ALONE = threading.Lock()  # filters of warnings are of all threads, and so is Python 3.11's count of a tree's depth
_FENCE = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)[ \t]*+([^\s`]*+)[^`]*+")
# What stands for code that is missing; narrow, for "# the rest of the digits" and "# Todo list" are good comments.
_LEFT_OUT = re.compile(
    r"#\s*(?:(?-i:TODO)\b|(?:\.{3}|…)\s*(?:$|\(?(?:existing|rest|same|other|more)\b)"
    r"|(?:the )?rest of (?:the|your) (?:code|implementation|function|program|class|logic)\b"
    r"|implement (?:me|here|this|your \w+|the (?:logic|rest))\W*$"
    r"|(?:add|put|write) your\b|(?:existing|same|previous) code\b|[\w ]{0,60}\bgoes here\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of an answer; `language` as its first line names it, in small letters; `closed` by a fence."""

    language: str
    code: str
    closed: bool


def read_program(text: str) -> str:
    """The program in the answer `text`: its one block of Python, or the longest of several that is valid.

    Raises:
        ValueError: there is none, none is valid Python, or it leaves out what it should do.
    """
    found = [b for b in blocks(text) if b.language in PYTHON] or [b for b in blocks(text) if not b.language]
    if not found:
        raise ValueError("the answer has no block of code that begins with ```python and ends with ```")
    faults: list[str] = []
    for block in sorted(found, key=lambda block: -len(block.code)):
        try:
            return _checked(block)
        except ValueError as error:
            faults.append(str(error))
    raise ValueError(faults[0])


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of Markdown, in their order; one that nothing closes goes to the end."""
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.fullmatch(line)
        if opened is None:
            opened, lines = mark, []
        elif mark and not mark[3] and mark[2].startswith(opened[2]):
            yield Block(opened[3].lower(), "\n".join(lines), closed=True)
            opened = None
        else:
            # Within a list, a block is indented as a whole.
            lines.append(line.removeprefix(opened[1]))
    if opened is not None:
        yield Block(opened[3].lower(), "\n".join(lines), closed=False)


def _checked(block: Block) -> str:
    if not block.closed:
        raise ValueError("the block of code has no end: a line ``` is missing")
    if len(block.code) > MAX_CHARS:
        raise ValueError(f"the block of code has more than {MAX_CHARS:,} characters")
    tree = parse(block.code)
    if not tree.body:
        raise ValueError("the block of code is empty")
    if comment := _gap(block.code):
        raise ValueError(f"the code leaves something out, where it says {comment!r}")
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if all(map(_is_stub, functions or tree.body)):
        raise ValueError("the code is a sketch: nothing in it does anything")
    return block.code


def parse(code: str) -> ast.Module:
    """The syntax tree of `code`.

    Raises:
        ValueError: it is no valid Python; the message names the line.
    """
    try:
        with _ALONE, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes such as "\d" in its strings are no fault of the answer
            return ast.parse(code)
    except SyntaxError as error:
        raise ValueError(f"the code is not valid Python: {error.msg} (its line {error.lineno})") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(
            "the code is not valid Python: it is nested too deeply, or has characters it must not"
        ) from error


def imported(code: str) -> list[str]:
    """The modules beyond the standard library that `code` imports, sorted; none, if it is no valid Python."""
    try:
        tree = parse(code)
    except ValueError:
        return []
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
    return sorted(names - sys.stdlib_module_names - {"answer"})


def _gap(code: str) -> str | None:
    """A comment that stands for code that is missing."""
    try:
        comments = [
            t.string for t in tokenize.generate_tokens(io.StringIO(code).readline) if t.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError("the code is not valid Python: it cannot be divided into words and signs") from error
    return next((excerpt(comment) for comment in comments if _LEFT_OUT.match(comment)), None)


def _is_stub(node: ast.stmt) -> bool:
    """Whether a statement, or all of a function's body, does nothing: `pass`, `...`, a text, NotImplementedError."""
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body) | ast.ClassDef(body=body):
            return all(map(_is_stub, body))
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id=name)) | ast.Raise(exc=ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
        case _:
            return False
