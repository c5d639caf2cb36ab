"""Takes documented functions out of Python source, as seeds. The source is parsed, never imported or run."""

import ast
import hashlib
import importlib.util
import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evergrow.methods.text import ids
from evergrow.resources.seeds.python_source import SourceTree, locate
from evergrow.resources.seeds.source import Fault, SeedError, Seeds, quoted

MAX_FILE_BYTES = 2_000_000  # beyond it: generated tables, that take long to parse and hold no functions worth growing
TEST_NAME = re.compile(r"(^|_)tests?(_|$)|^conftest$", re.IGNORECASE)
FOREIGN_FOLDERS = {"__pycache__", "site-packages", "dist-packages", "node_modules"}
MAX_NAME_CHARS, KEPT_CHARS = 120, 50
MAX_SKIPS_SHOWN = 5
SCHEMA = dict.fromkeys(["id", "seed_id", "content", "kind", "source", "license"], pl.String)


@dataclass(frozen=True, slots=True)
class _Function:
    """One function: `file` is the path it is known by, `line` counts from 1."""

    name: str
    file: str
    line: int
    source: str


def harvest(target: str, limit: int | None, min_chars: int, max_chars: int) -> Seeds:
    """Functions of `target` that have a docstring and a body: those at the top of modules, async ones too.

    Left out: methods and nested functions (they lean on what surrounds them), tests (by the name of a file, folder or
    function), sources shorter than `min_chars` or longer than `max_chars` characters, and repetitions (equal but for
    white space). A seed's id is its dotted name with `-` for `_` (`json.decoder.py-scanstring`), so it stays the same
    while the function keeps its name and place; `source` is path:line from the package's or folder's own name on.

    Args:
        target: an importable package or module, a folder, or a .py file. A bare name that is both is the package.
        limit: most functions taken; they are spread evenly over files, the same ones every time. None: all.
        min_chars: shortest source (setting `seeds.harvest_min_chars`).
        max_chars: longest source (setting `seeds.harvest_max_chars`).

    Raises:
        SeedError: there is no such target, it has no source, or nothing in it fits.
    """
    if limit is not None and limit < 1:
        raise SeedError(target, [Fault(f"limit is {limit}: ask for at least 1 function")])
    tree, notes = locate(target)
    skipped: list[str] = []
    functions = _distinct(
        function
        for file, path in _python_files(tree)
        for function in _functions_of(file, path, skipped)
        if min_chars <= len(function.source) <= max_chars
    )
    if not functions:
        bounds = f"documented functions of {min_chars:,} to {max_chars:,} characters outside of tests"
        why = f"; {skipped[0]}" if skipped else ""
        widen = "name another target, or widen seeds.harvest_min_chars and seeds.harvest_max_chars"
        raise SeedError(target, [Fault(f"has no {bounds}{why}: {widen}")])
    chosen = functions if limit is None else _spread(functions, limit)
    if limit is not None and len(chosen) < limit:
        notes.append(f"only {len(chosen):,} functions fit, {limit:,} were asked for")
    return Seeds(_frame(chosen, tree.license), (*notes, *_skip_notes(skipped)), target)


def _python_files(tree: SourceTree) -> list[tuple[str, Path]]:
    """Source files by the path they are known by, sorted; links to folders are not followed, so no loop can form."""
    if tree.roots[0].is_file():
        return [(f"{tree.label}.py", tree.roots[0])]
    files: dict[str, Path] = {}
    for root in tree.roots:
        for folder, names, file_names in os.walk(root):
            names[:] = [name for name in names if not _is_foreign(Path(folder) / name)]
            for name in file_names:
                path = Path(folder) / name
                if path.suffix == ".py" and not _is_test(path.stem) and path.is_file():
                    files.setdefault(f"{tree.label}/{path.relative_to(root).as_posix()}", path)
    return sorted(files.items())


def _is_foreign(folder: Path) -> bool:
    """Whether a folder below the target holds tests, hidden things or other people's packages."""
    name = folder.name
    return name.startswith(".") or name in FOREIGN_FOLDERS or _is_test(name) or (folder / "pyvenv.cfg").exists()


def _is_test(name: str) -> bool:
    return TEST_NAME.search(name) is not None


def _functions_of(file: str, path: Path, skipped: list[str]) -> Iterator[_Function]:
    """The documented functions at the top of a file; a file that cannot be read is added to `skipped`."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            skipped.append(f"{file} is larger than {MAX_FILE_BYTES:,} bytes")
            return
        text = importlib.util.decode_source(path.read_bytes())
        text.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the source's author should mend is no news for the one who harvests
            module = ast.parse(text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        skipped.append(f"{file} cannot be parsed ({quoted(str(error), 80)})")
        return
    lines = text.split("\n")
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_worth_taking(node):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            source = "\n".join(lines[first - 1 : node.end_lineno]).rstrip()
            yield _Function(f"{_module_name(file)}.{node.name}", file, first, source)


def _is_worth_taking(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is documented, does something, and is no test."""
    if _is_test(node.name) or not (ast.get_docstring(node) or "").strip():
        return False
    return not all(_does_nothing(statement) for statement in node.body[1:])


def _does_nothing(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Raise)


def _module_name(file: str) -> str:
    """Dotted name of a file: `json/decoder.py` is `json.decoder`, `json/__init__.py` is `json`."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _distinct(functions: Iterable[_Function]) -> list[_Function]:
    """The first of those that differ only in white space."""
    first: dict[str, _Function] = {}
    for function in functions:
        first.setdefault(" ".join(function.source.split()), function)
    return list(first.values())


def _spread(functions: list[_Function], limit: int) -> list[_Function]:
    """`limit` functions, or all: every file gives one before any gives two, and files that must wait are spread too.

    Within a file the order is that of the names' hashes: arbitrary, and always the same.
    """
    by_file: dict[str, list[_Function]] = defaultdict(list)
    for function in sorted(functions, key=lambda f: hashlib.sha256(f.name.encode()).digest()):
        by_file[function.file].append(function)
    chosen: list[_Function] = []
    for turn in range(max(len(of_file) for of_file in by_file.values())):
        offered = [by_file[file][turn] for file in sorted(by_file) if turn < len(by_file[file])]
        wanted = min(limit - len(chosen), len(offered))
        chosen += [offered[n * len(offered) // wanted] for n in range(wanted)]
    return sorted(chosen, key=lambda function: (function.file, function.line))


def _frame(functions: list[_Function], license_name: str | None) -> pl.DataFrame:
    seed_ids = _seed_ids(functions)
    return pl.DataFrame(
        {
            "id": [ids.escape_seed_id(seed_id) for seed_id in seed_ids],
            "seed_id": seed_ids,
            "content": [function.source for function in functions],
            "kind": ["code"] * len(functions),
            "source": [f"{function.file}:{function.line}" for function in functions],
            "license": [license_name] * len(functions),
        },
        schema=SCHEMA,
    )


def _seed_ids(functions: list[_Function]) -> list[str]:
    """An id from each name: `-` for `_`, `~2` after a second definition of it, a hash for the middle of a long one."""
    used: dict[str, int] = defaultdict(int)
    seed_ids = []
    for function in functions:
        name = function.name.replace("_", "-")
        if len(name) > MAX_NAME_CHARS:
            digest = hashlib.sha256(function.name.encode()).hexdigest()[:12]
            name = f"{name[:KEPT_CHARS]}~{digest}~{name[-KEPT_CHARS:]}"
        used[name] += 1
        seed_ids.append(name if used[name] == 1 else f"{name}~{used[name]}")
    return seed_ids


def _skip_notes(skipped: list[str]) -> list[str]:
    if len(skipped) <= MAX_SKIPS_SHOWN:
        return [f"skipped: {what}" for what in skipped]
    return [
        *(f"skipped: {what}" for what in skipped[:MAX_SKIPS_SHOWN]),
        f"skipped: {len(skipped) - MAX_SKIPS_SHOWN:,} more",
    ]
