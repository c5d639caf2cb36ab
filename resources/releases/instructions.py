"""Writes a dataset for trainers: Parquet or chat JSONL, with a card that says what it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl
import yaml

from evergrow.resources.host.files import atomic_write
from evergrow.resources.local_llm.weights import MODEL as EMBEDDED_MODEL

Format = Literal["chat", "parquet"]
MADE_BY = "evergrow"  # a tag of the card: by it an earlier export is known from anything else
FILES: Mapping[Format, str] = {"chat": "train.jsonl", "parquet": "train.parquet"}


class FolderTaken(Exception):  # noqa: N818 - it is a state of the folder
    """The folder holds something that is no export; the message names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a dataset's card tells, beside what its rows tell."""

    batches: tuple[str, ...]
    funnel: pl.DataFrame
    costs: pl.DataFrame


def export(samples: pl.DataFrame, folder: Path, form: Format, card: Card) -> Path:
    """Write `samples` and a `README.md` into `folder`, made if need be; returns the data file's path.

    Rows are in the order of ids. A chat row has `messages` with the sample as the user's turn, and the columns that
    explain it; there is no assistant's turn, because samples have no answers yet.

    An earlier export in the folder is replaced.

    Raises:
        FolderTaken: the folder has files that no export wrote.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    make_room(folder)
    rows = samples.sort("batch", "id")
    target = folder / FILES[form]
    if form == "parquet":
        part = target.with_suffix(".part")
        rows.write_parquet(part)
        part.replace(target)
    else:
        atomic_write(target, _chat(rows))
    atomic_write(folder / "README.md", _card(rows, form, card).encode())
    return target


def is_export(folder: Path) -> bool:
    """Whether an export was written into `folder`."""
    card = folder / "README.md"
    return card.is_file() and f"- {MADE_BY}\n" in card.read_text(encoding="utf-8", errors="replace")


def make_room(folder: Path) -> None:
    """Remove an earlier export, whose data file may be of the other format.

    Raises:
        FolderTaken: the folder has files that no export wrote.
    """
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if found and not (is_export(folder) and {path.name for path in found} <= {"README.md", *FILES.values()}):
        names = ", ".join(sorted(path.name for path in found)[:3])
        raise FolderTaken(
            f"{folder} is not empty ({names}) and no export of evergrow's: name another folder with --out"
        )
    for path in found:
        path.unlink()


def _chat(rows: pl.DataFrame) -> bytes:
    turn = pl.struct(role=pl.lit("user"), content=pl.col("content"))
    chat = rows.select("id", pl.concat_list(turn).alias("messages"), pl.exclude("id", "content"))
    return chat.write_ndjson().encode()


def _card(rows: pl.DataFrame, form: Format, card: Card) -> str:
    front = {
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": FILES[form]}]}],
        "tags": ["synthetic", MADE_BY, "tree-of-evolution"],
        "size_categories": [_size(rows.height)],
    }
    scores = rows.select("complexity", "diversity", "value").describe(percentiles=(0.1, 0.5, 0.9))
    note = (
        "**Samples of this dataset were written or judged by a 135-million-parameter model. They show how the "
        "mechanism works; their scores mean little. Do not train on them.**\n\n"
        if rows["generator_model"].is_in([EMBEDDED_MODEL]).any() or rows["judge_model"].is_in([EMBEDDED_MODEL]).any()
        else ""
    )
    return f"""---
{yaml.safe_dump(front, sort_keys=False)}---
# {rows.height:,} evolved instructions

{note}Grown by evergrow with Tree-of-Evolution from the seeds of {", ".join(card.batches)}. Every row names its
parent, its root, its scores, the models and the prompts that made it, and the calls in the ledger. `value` is
complexity (1 to 10) plus ten times diversity (0 to 1).

The samples are instructions without answers: have a model answer them before you train on them.

## Funnel

{_markdown(card.funnel)}

## Scores

{_markdown(scores)}

## Models and cost

{_markdown(card.costs)}
"""


def _size(rows: int) -> str:
    """Hugging Face's size category."""
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for limit, name in bounds if rows < limit), "n>1M")


def _markdown(frame: pl.DataFrame) -> str:
    cells = [[_cell(value) for value in row] for row in frame.iter_rows()]
    lines = [frame.columns, ["---"] * frame.width, *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False)[1:-1].replace("|", "\\|").replace("<", "&lt;")
