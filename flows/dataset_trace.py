"""What became of a sample in the dataset: collected, answered, verified, cleaned, released, each with its reason."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from evergrow.assets.names import CLEAN, COLLECTED, RELEASE, RESPONSES, VERIFIED
from evergrow.flows.table_rows import CALL_IDS, Row, TableRows
from evergrow.methods.provenance.steps import Kind, Other, TraceStep
from evergrow.resources.registry.releases import release_names


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the dataset: what its step is called, which columns it adds, which text, which requests."""

    key: dg.AssetKey
    kind: Kind
    says: str
    columns: tuple[str, ...]
    text: str | None = None
    calls: tuple[str, ...] = ()


TABLES = (
    _Table(COLLECTED, "collected", "collected for the dataset", ("value", "parent_complexity", "parent_diversity")),
    _Table(
        RESPONSES,
        "answer",
        "its answer ({task})",
        ("task", "final_answer", "draws", "responder_model", "response_prompt_version", "response_run_id"),
        "response",
        ("response_call_id",),
    ),
    _Table(
        VERIFIED,
        "verified",
        "verdict {verdict}",
        (
            *("task", "final_answer", "verdict", "verdict_detail", "agreement", "tests", "dropped_tests"),
            *("packages", "tester_model", "sandbox"),
        ),
        calls=("tests_call_id",),
    ),
    _Table(
        CLEAN,
        "clean",
        "cleaned",
        (
            *("duplicate_of", "duplicate_batch", "similarity", "benchmark", "benchmark_item", "span"),
            *("addresses_judge", "license"),
        ),
    ),
)


def sample_steps(rows: TableRows, sample: TraceStep, batch: str) -> list[TraceStep]:
    """One step for each table of the dataset that has the sample, in the order of the work; the releases last."""
    steps: list[TraceStep] = []
    for table in TABLES:
        if row := rows.row(table.key, batch, sample.id):
            steps.append(_step(rows, table, row, batch, steps[-1] if steps else sample))
    last = steps[-1] if steps else sample
    released = [
        (name, rows.row(RELEASE, name, sample.id, batch=batch)) for name in release_names(rows.workspace.registry)
    ]
    return [*steps, *(_released(rows, row, name, last) for name, row in released if row)]


def _step(rows: TableRows, table: _Table, row: Row, batch: str, before: TraceStep) -> TraceStep:
    calls = [*(row.get(name) for name in table.calls), *draw_calls(row)]
    return TraceStep(
        id=row["id"],
        kind=table.kind,
        says=table.says.format(task=row.get("task"), verdict=row.get("verdict")),
        row={**_some(row, table.columns), "batch": batch, CALL_IDS: calls},
        content=row.get(table.text) if table.text else None,
        parents=[before.key],
        others=_resembled(rows, row),
        tables=rows.versions([table.key], batch),
        closed=rows.shut(table.key, batch),
        reason=row.get("reason"),
    )


def draw_calls(row: Row) -> list[str | None]:
    """The requests of a row's `draws`, of a table that has such."""
    return [draw["call_id"] for draw in row.get("draws") or ()]


def _released(rows: TableRows, row: Row, name: str, before: TraceStep) -> TraceStep:
    return TraceStep(
        id=row["id"],
        kind="release",
        says=f"in the split {row['split']} of release {name!r}" if row.get("split") else f"not in release {name!r}",
        row={**_some(row, ("split", "license", "domain", "round", "value", "verdict")), "batch": row["batch"]},
        parents=[before.key],
        others=_resembled(rows, row),
        tables=rows.versions([RELEASE], name),
        closed=rows.shut(RELEASE, name),
        reason=row.get("reason"),
    )


def _some(row: Row, columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in columns if row.get(name) is not None}


def _resembled(rows: TableRows, row: Row) -> list[Other]:
    """What a row was found to repeat, or to resemble."""
    found = []
    if row.get("duplicate_of"):
        batch = row.get("duplicate_batch") or row["batch"]
        other = rows.row(CLEAN, batch, row["duplicate_of"])
        where = f"the row of batch {batch} that it repeats"
        found.append(Other(where, row["duplicate_of"], other["content"] if other else None, row.get("similarity")))
    if row.get("benchmark"):
        item = f"{row['benchmark']} {row.get('benchmark_item') or ''}".strip()
        found.append(Other("the benchmark's item that it resembles", item, row.get("span"), row.get("similarity")))
    return found
