"""Takes documented functions out of source files, as seeds. The source is parsed, never imported or run."""

import ast
import hashlib
import importlib.util
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evergrow.methods.text import ids
from evergrow.methods.text.counts import counted
from evergrow.resources.seeds.languages import BY_SUFFIX
from evergrow.resources.seeds.notebooks import python_cells
from evergrow.resources.seeds.python_source import locate
from evergrow.resources.seeds.source import SeedError, Seeds, SourceFault, quoted
from evergrow.resources.seeds.source_files import Skipped, is_test, source_files, unfit
from evergrow.resources.seeds.syntax_trees import definitions

OF_TESTS = "of tests"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
MAX_NAME_CHARS, KEPT_CHARS = 120, 50
UNREADABLE = (OSError, SyntaxError, ValueError, LookupError, RecursionError, MemoryError)
SCHEMA = dict.fromkeys(["id", "seed_id", "content", "kind", "source", "license"], pl.String)


@dataclass(frozen=True, slots=True)
class _Function:
    """One function: `file` is the path it is known by, `line` counts from 1."""

    name: str
    file: str
    line: int
    source: str


def harvest(
    target: str,
    limit: int | None,
    min_chars: int,
    max_chars: int,
    methods: bool = False,  # noqa: FBT001
    classes: bool = False,  # noqa: FBT001
) -> Seeds:
    """Functions of `target` that are documented and have a body: those at the top of Python modules and of notebooks'
    cells, async ones too, and those of other languages (`languages`) with a comment right above them.

    Left out: methods, unless asked for, and nested functions (they lean on what surrounds them), tests (by the name of
    a file, folder or function), sources shorter than `min_chars` or longer than `max_chars` characters, and repetitions
    (equal but for white space). What was left out is counted by its reason in the notes: folders, files, functions. A
    seed's id is its dotted name with `-` for `_` (`json.decoder.py-scanstring`), so it stays the same while the
    function keeps its name and place; `source` is path:line from the package's or folder's own name on.

    Args:
        target: an importable package or module, a folder, or a source file. A bare name that is both is the package.
        limit: most functions taken; they are spread evenly over files, the same ones every time. None: all.
        min_chars: shortest source (setting `seeds.harvest_min_chars`).
        max_chars: longest source (setting `seeds.harvest_max_chars`).
        methods: documented methods of classes as well.
        classes: whole documented classes as well.

    Raises:
        SeedError: there is no such target, it has no source, or nothing in it fits.
    """
    if limit is not None and limit < 1:
        raise SeedError(target, [SourceFault(f"limit is {limit}: ask for at least 1 function")])
    tree, notes = locate(target)
    skipped = Skipped()
    documented = (
        function
        for file, path in source_files(tree, skipped)
        for function in _functions_of(file, path, skipped, methods=methods, classes=classes)
    )
    functions = _distinct(_of_size(documented, min_chars, max_chars, skipped), skipped)
    if not functions:
        bounds = f"documented functions of {min_chars:,} to {max_chars:,} characters outside of tests"
        why = "".join(f"; {note}" for note in skipped.notes()[:2])
        widen = "name another target, or widen seeds.harvest_min_chars and seeds.harvest_max_chars"
        raise SeedError(target, [SourceFault(f"has no {bounds}{why}: {widen}")])
    chosen = functions if limit is None else _spread(functions, limit)
    if limit is not None and len(chosen) < limit:
        notes.append(f"only {counted(len(chosen), 'functions fit', 'function fits')}, {limit:,} were asked for")
    return Seeds(_frame(chosen, tree.license), (*notes, *skipped.notes()), target)


def _functions_of(file: str, path: Path, skipped: Skipped, *, methods: bool, classes: bool) -> Iterator[_Function]:
    """The documented functions of a file; a file that cannot be read is added to `skipped`."""
    try:
        data = path.read_bytes()
        if path.suffix == ".ipynb":
            for number, cell in python_cells(data):
                place = f"{file}#cell-{number}"
                if cell is None:
                    skipped.add("cells of notebooks that are no Python", place)
                else:
                    yield from _of_cell(place, cell, skipped, methods=methods, classes=classes)
            return
        if path.suffix == ".py":
            text = importlib.util.decode_source(data)
            text.encode()
            yield from _of_python(file, text, skipped, methods=methods, classes=classes)
            return
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        if reason := unfit(text):
            skipped.add(reason, file)
            return
        for found in definitions(text, BY_SUFFIX[path.suffix], methods=methods, classes=classes):
            if is_test(found.name.rpartition(".")[2]):
                skipped.functions[OF_TESTS] += 1
            else:
                yield _Function(f"{_module_name(file)}.{found.name}", file, found.line, found.source)
    except UNREADABLE as error:
        skipped.add("cannot be parsed", file, quoted(str(error), 80))


def _of_cell(place: str, cell: str, skipped: Skipped, *, methods: bool, classes: bool) -> Iterator[_Function]:
    """The functions of a notebook's cell; one that cannot be parsed does not spoil the others."""
    try:
        yield from _of_python(place, cell, skipped, methods=methods, classes=classes)
    except UNREADABLE as error:
        skipped.add("cannot be parsed", place, quoted(str(error), 80))


def _of_python(file: str, text: str, skipped: Skipped, *, methods: bool, classes: bool) -> Iterator[_Function]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the source's author should mend is no news for the one who harvests
        module = ast.parse(text)
    lines = text.split("\n")

    for node, name in _candidates(module, methods=methods, classes=classes):
        if reason := _left_out(node):
            skipped.functions[reason] += 1
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        source = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno])).rstrip()
        yield _Function(f"{_module_name(file)}.{name}", file, first, source)


def _candidates(module: ast.Module, *, methods: bool, classes: bool) -> Iterator[tuple[Definition, str]]:
    """What is asked for at the top of a module, with its name."""
    for node in module.body:
        if isinstance(node, FUNCTIONS) or (classes and isinstance(node, ast.ClassDef)):
            yield node, node.name
        if methods and isinstance(node, ast.ClassDef) and not is_test(node.name):
            yield from ((inner, f"{node.name}.{inner.name}") for inner in node.body if isinstance(inner, FUNCTIONS))


def _left_out(node: Definition) -> str | None:
    """Why a function or a class is no seed: it is a test, says not what it does, or does nothing."""
    if is_test(node.name):
        return OF_TESTS
    if not (ast.get_docstring(node) or "").strip():
        return "without documentation"
    if isinstance(node, FUNCTIONS) and all(_does_nothing(statement) for statement in node.body[1:]):
        return "without a body"
    return None


def _does_nothing(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Raise)


def _module_name(file: str) -> str:
    """Dotted name of a file: `json/decoder.py` is `json.decoder`, `json/__init__.py` is `json`."""
    path, _, cell = file.partition("#")
    stem = path.rpartition(".")[0] if "." in path.rpartition("/")[2] else path
    return stem.removesuffix("/__init__").replace("/", ".") + (f".{cell}" if cell else "")


def _of_size(functions: Iterable[_Function], least: int, most: int, skipped: Skipped) -> Iterator[_Function]:
    for function in functions:
        if least <= len(function.source) <= most:
            yield function
        else:
            short = len(function.source) < least
            skipped.functions[
                f"shorter than {least:,} characters" if short else f"longer than {most:,} characters"
            ] += 1


def _distinct(functions: Iterable[_Function], skipped: Skipped) -> list[_Function]:
    """The first of those that differ only in white space."""
    first: dict[str, _Function] = {}
    for function in functions:
        if first.setdefault(" ".join(function.source.split()), function) is not function:
            skipped.functions["that repeat another"] += 1
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
