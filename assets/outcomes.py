"""From a model's outcomes to rows: every question asked becomes one row, answered or with the reason why not."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import polars as pl

from evergrow.resources.llm import Answered, Failed, Invalid, Outcome, Refused
from evergrow.resources.llm.faults import FaultClass

T = TypeVar("T")
REASON_LENGTH = 300  # an error message is shown, not archived: the ledger has all of it


async def gather(
    outcomes: AsyncIterator[Outcome[T]],
    fields: Callable[[T], Mapping[str, object]],
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    """One row per outcome: `id, call_id, model, run_id, reason` and what `fields` makes of an answer.

    Args:
        outcomes: as the engine yields them, in any order; a request's key is the row's id.
        fields: the columns of an answered row; null in all others.
        schema: their names and types.
    """
    columns: dict[str, list[object]] = {n: [] for n in ("id", "call_id", "model", "run_id", "reason", *schema)}
    async for outcome in outcomes:
        row: dict[str, object] = {"id": outcome.request.key, "call_id": outcome.call_id}
        if isinstance(outcome, Answered):
            row |= {"model": outcome.model, "run_id": outcome.run_id, **fields(outcome.value)}
        else:
            row["reason"] = _reason(outcome)
        for name, values in columns.items():
            values.append(row.get(name))
    strings = dict.fromkeys(("id", "call_id", "model", "run_id", "reason"), pl.String())
    return pl.DataFrame(columns, schema={**strings, **schema})


def unanswered(rows: pl.DataFrame) -> int:
    """How many requests failed for a reason that may pass: another run asks them again."""
    passing = "|".join((FaultClass.TRANSIENT, FaultClass.LIMIT))
    return int(rows["reason"].str.contains(f"^failed: ({passing})").sum())


def _reason(outcome: Refused | Invalid | Failed) -> str:
    match outcome:
        case Refused(reason=reason):
            text = f"refused: {reason}"
        case Invalid(reason=reason):
            text = f"invalid: {reason}"
        case Failed(error_class=error_class, message=message):
            text = f"failed: {error_class}: {message}"
    return " ".join(text.split())[:REASON_LENGTH]
