"""The planted tasks: five bands of known order, and probes for what should not move a judge."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

FILE = Path(__file__).with_name("planted.yaml")
READINGS = 2
SCHEMA = {
    "id": pl.String,
    "probe": pl.String,
    "kind": pl.String,
    "band": pl.Int64,
    "of": pl.String,
    "content": pl.String,
    "words": pl.Int64,
}


@cache
def planted_version() -> str:
    """Hash of the tasks: calibrations of different versions are not compared."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:12]


@cache
def planted_tasks() -> pl.DataFrame:
    """The tasks, one a row.

    Returns:
        `id`; `probe` (`band` for the tasks of known order, else `long_easy`, `short_hard`, `vague`, `unsolvable`,
        `addressed`, `paraphrase`); `kind` (code, maths, text; null for probes); `band` (1 to 5; null for probes); `of`
        (the task that an addressed or a paraphrased one is to be compared with; else null); `content`; `words`.
    """
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = [
        {"probe": "band", "band": band, **task} for band, tasks in data["bands"].items() for task in tasks
    ]
    contents = {row["id"]: row["content"] for row in rows}
    for probe, tasks in data["probes"].items():
        for task in tasks:
            content = task.get("content") or f"{contents[task['of']]}\n\n{task['words']}"
            rows.append({"id": task["id"], "probe": probe, "of": task.get("of"), "content": content})
    frame = pl.DataFrame(rows, schema={name: kind for name, kind in SCHEMA.items() if name != "words"})
    return frame.with_columns(words=pl.col("content").str.count_matches(r"\S+").cast(pl.Int64)).select(*SCHEMA)


def planted_readings(readings: int = 1) -> pl.DataFrame:
    """What is to be asked so that each task gets `READINGS` scores of so many readings: `reading`, from 0, a row."""
    asked = pl.DataFrame({"reading": range(READINGS * readings)}, schema={"reading": pl.Int64})
    return planted_tasks().join(asked, how="cross", maintain_order="left_right")
