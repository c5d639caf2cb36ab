"""From a model's outcomes to rows: every question asked becomes one row, answered or with the reason why not."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import polars as pl

from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.counts import counted
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.lake.versions import OWED, OWED_WHY, UNTRIED, UNTRIED_WHY
from evergrow.resources.llm import Answered, Failed, Invalid, Outcome, Refused

T = TypeVar("T")
INVALID = "invalid"
_OWED = r"(?s)^(?:failed: (?P<failed>[a-z_]+)|(?P<invalid>invalid)): (?P<words>.*)$"
REASON_LENGTH = 400  # an error message is shown, not archived: the ledger has all of it


async def gather(
    outcomes: AsyncIterator[Outcome[T]],
    fields: Callable[[T], Mapping[str, object]],
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    """One row per outcome: `id, call_id, model, run_id, reason` and what `fields` makes of an answer.

    Args:
        outcomes: as the engine yields them, in any order; a request's key is the row's id.
        fields: the columns of an answered row; null in all others.
        schema: their names and types; `thoughts`, a text, is filled in: what the model thought before, if it told.
    """
    columns: dict[str, list[object]] = {n: [] for n in ("id", "call_id", "model", "run_id", "reason", *schema)}
    async for outcome in outcomes:
        row: dict[str, object] = {"id": outcome.request.key, "call_id": outcome.call_id}
        if isinstance(outcome, Answered):
            told = {"model": outcome.model, "run_id": outcome.run_id, "thoughts": outcome.thoughts or None}
            row |= {**told, **fields(outcome.value)}
        else:
            row["reason"] = reason_of(outcome)
        for name, values in columns.items():
            values.append(row.get(name))
    strings = dict.fromkeys(("id", "call_id", "model", "run_id", "reason"), pl.String())
    return pl.DataFrame(columns, schema={**strings, **schema})


@dataclass(frozen=True, slots=True)
class Owed:
    """Requests that got no answer of use, which a later run asks again: refusals are answers.

    Attributes:
        requests: how many were asked in all.
        by_class: how many are owed, by class of failure ("invalid", "rejected", "transient" ...), most first.
        commonest: the words of the commonest one, with what helps; "" if nothing is owed.
    """

    requests: int
    by_class: Mapping[str, int]
    commonest: str

    @property
    def total(self) -> int:
        """How many are owed."""
        return sum(self.by_class.values())

    def __str__(self) -> str:
        """In words, such as "12 of 18 requests failed: most often HTTP 400 ..."; "" if nothing is owed."""
        if not self.total:
            return ""
        invalid = self.by_class.get(INVALID, 0)
        counts = ((self.total - invalid, "failed"), (invalid, "got no answer of use"))
        (first, verb), *others = [(count, verb) for count, verb in counts if count]
        more = "".join(f", {count:,} {verb}" for count, verb in others)
        often = "most often " if self.total > 1 else ""
        return f"{first:,} of {counted(self.requests, 'requests')} {verb}{more}: {often}{self.commonest}"


def owed(rows: pl.DataFrame) -> Owed:
    """What `rows` owe, by their column `reason`: see `gather`."""
    return owed_for(rows["reason"].to_list())


def owed_for(reasons: Sequence[str | None]) -> Owed:
    """What is owed, given the reason of each request that was asked (null: it was answered)."""
    found = pl.Series("reason", reasons, dtype=pl.String).str.extract_groups(_OWED).struct.unnest().drop_nulls("words")
    if found.is_empty():
        return Owed(len(reasons), {}, "")
    classes = _commonest_first(found.select(pl.coalesce("failed", "invalid").alias("class"))["class"])
    return Owed(len(reasons), classes, next(iter(_commonest_first(found["words"]))))


def _commonest_first(words: pl.Series) -> dict[str, int]:
    counted = words.value_counts().sort("count", words.name, descending=[True, False])
    return {str(word): int(count) for word, count in counted.iter_rows()}


def owed_metadata(found: Owed) -> dict[str, int | str]:
    """What a table owes, as the metadata by which `flows.due` knows."""
    return {OWED: found.total, **({OWED_WHY: str(found)} if found.total else {})}


def untried_metadata(verdicts: pl.Series, details: pl.Series) -> dict[str, int | str]:
    """How many programs no sandbox could run, and why, as the metadata by which `flows.due` knows."""
    why = details.filter(verdicts.eq_missing(Verdict.SANDBOX_UNAVAILABLE))
    return {UNTRIED: why.len(), UNTRIED_WHY: next(iter(_commonest_first(why)))} if why.len() else {UNTRIED: 0}


def reason_of(outcome: Refused | Invalid | Failed) -> str:
    """Why there is no answer, on one line: `refused: ...`, `invalid: ...` or `failed: CLASS: ...`, with what helps."""
    match outcome:
        case Refused(reason=reason):
            text, remedy = f"refused: {reason}", ""
        case Invalid(reason=reason, remedy=remedy):
            text = f"invalid: {reason}"
        case Failed(error_class=error_class, message=message, remedy=remedy):
            text = f"failed: {error_class}: {message}"
    helps = f"; {remedy}" if remedy else ""
    return excerpt(text, REASON_LENGTH - len(helps)) + helps
