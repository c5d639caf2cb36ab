"""From a model's outcomes to rows: every question asked becomes one row, answered or with the reason why not."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeVar

import polars as pl

from evergrow.resources.llm import Answered, Failed, Invalid, Outcome, Refused

T = TypeVar("T")
REASON_LENGTH = 300  # an error message is shown, not archived: the ledger has all of it


async def gather(
    outcomes: AsyncIterator[Outcome[T]],
    fields: Callable[[T], Mapping[str, object]],
    schema: Mapping[str, type[pl.DataType]],
) -> pl.DataFrame:
    """One row per outcome: `id, call_id, model, run_id, reason` and what `fields` makes of an answer.

    Args:
        outcomes: as the engine yields them, in any order; a request's key is the row's id.
        fields: the columns of an answered row; null in all others.
        schema: their names and types.
    """
    columns: dict[str, list[object]] = {n: [] for n in ("id", "call_id", "model", "run_id", "reason", *schema)}
    async for outcome in outcomes:
        answered = isinstance(outcome, Answered)
        row = {
            "id": outcome.request.key,
            "call_id": outcome.call_id,
            "model": outcome.model if answered else None,
            "run_id": outcome.run_id if answered else None,
            "reason": None if answered else _reason(outcome),
            **(fields(outcome.value) if answered else {}),
        }
        for name, values in columns.items():
            values.append(row.get(name))
    strings = dict.fromkeys(("id", "call_id", "model", "run_id", "reason"), pl.String)
    return pl.DataFrame(columns, schema={**strings, **schema})


def _reason(outcome: Refused | Invalid | Failed) -> str:
    match outcome:
        case Refused(reason=reason):
            text = f"refused: {reason}"
        case Invalid(reason=reason):
            text = f"invalid: {reason}"
        case Failed(error_class=error_class, message=message):
            text = f"failed: {error_class}: {message}"
    return " ".join(text.split())[:REASON_LENGTH]
