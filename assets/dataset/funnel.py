"""Where the rows of a batch went, stage by stage: requested = failed + rejected + accepted, each with its reasons.

`failed` counts rows for which no usable answer came (failed, refused, invalid), `rejected` those that a rule left out;
`answered` is what did not fail. Every gate holds the sum of its own table; this is all of them as one.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from evergrow.assets.names import CLEAN, COLLECTED, MAIN, RELEASE, RESPONSES, VERIFIED, round_name, stage_key
from evergrow.methods.evolution.selection import RULES
from evergrow.methods.text.counts import counted as so_many
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import made
from evergrow.resources.settings.growth import MAX_ROUNDS

FAILURES = ("failed", "refused", "invalid")
SCHEMA = {
    "stage": pl.String,
    **dict.fromkeys(("requested", "answered", "failed", "rejected"), pl.Int64),
    "reasons": pl.String,
    "accepted": pl.Int64,
}
BAR = 40  # characters of the longest bar


def made_rounds(instance: dg.DagsterInstance, batch: str) -> list[int]:
    """Rounds of the batch that have an accepted table, whatever its gate says."""
    numbers = range(1, MAX_ROUNDS + 1)
    there = made(instance, [stage_key(n, "accepted") for n in numbers], batch)
    return [n for n, is_made in zip(numbers, there, strict=True) if is_made]


def funnel(instance: dg.DagsterInstance, lake: Lake, batch: str, release: str | None = MAIN) -> pl.DataFrame:
    """The stages of a batch that are made, in their order, the `release` last: the columns of `SCHEMA`.

    release: None ends with what is collected.
    """
    return pl.DataFrame(
        [counted(name, table) for name, table in _tables(instance, lake, batch, release)], schema=SCHEMA, orient="row"
    )


def counted(stage: str, table: pl.LazyFrame) -> tuple[str, int, int, int, int, str, int]:
    """One row of a funnel: the rows of a table by the first word of their `reason`."""
    word = pl.col("reason").str.extract(r"^(\w+)")
    counts = dict(table.group_by(word=word).len().collect().iter_rows())
    requested, accepted = sum(counts.values()), counts.pop(None, 0)
    failed = sum(counts.get(word, 0) for word in FAILURES)
    reasons = ", ".join(f"{word} {n:,}" for word, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return stage, requested, requested - failed, failed, requested - accepted - failed, reasons, accepted


def bars(funnel: pl.DataFrame) -> str:
    """The funnel as text: a bar a stage, as long as what went on, with dots for what did not."""
    most = max(funnel["requested"].to_list(), default=0) or 1
    lines = []
    for row in funnel.iter_rows(named=True):
        kept, came = (round(BAR * row[name] / most) for name in ("accepted", "requested"))
        bar = "█" * kept + "·" * (came - kept)
        lines.append(f"{row['stage']:<12} {bar:<{BAR}} {row['accepted']:>9,} of {row['requested']:,}  {row['reasons']}")
    return "\n".join(lines)


def come_back(funnel: pl.DataFrame) -> str | None:
    """Why more rows come to a collection than its rounds let through, in a sentence; None where none do.

    funnel: one or several, one below another.
    """
    listed = " or ".join(RULES.values())
    left_out = funnel.filter(pl.col("stage").str.starts_with("round_")).select(
        pl.col("reasons").str.extract_all(rf"\b(?:{'|'.join(RULES.values())}) [\d,]*\d").explode().drop_nulls()
    )["reasons"]
    rows = int(left_out.str.extract(r" ([\d,]+)$").str.replace_all(",", "").cast(pl.Int64).sum())
    if not rows or COLLECTED.path[-1] not in funnel["stage"]:
        return None
    are = so_many(rows, "rows that are", "row that is")
    have = "have no children, and are samples" if rows != 1 else "has no children, and is a sample"
    return f"{are} {listed} {have} all the same: collected chooses among them, too"


def driest(funnel: pl.DataFrame, stages: Sequence[str]) -> str | None:
    """Which of `stages` lost the largest share of what came to it; None if none lost anything."""
    lost = funnel.filter(pl.col("stage").is_in(stages) & (pl.col("accepted") < pl.col("requested")))
    worst = lost.sort(pl.col("accepted") / pl.col("requested"), maintain_order=True).head(1)
    return str(worst["stage"].item()) if worst.height else None


def _tables(
    instance: dg.DagsterInstance, lake: Lake, batch: str, release: str | None
) -> Iterator[tuple[str, pl.LazyFrame]]:
    rounds = [(round_name(n), stage_key(n, "accepted")) for n in made_rounds(instance, batch)]
    later = (COLLECTED,) if release is None else (COLLECTED, RESPONSES, VERIFIED, CLEAN)
    for name, key in [*rounds, *((key.path[-1], key) for key in later)]:
        if (table := lake.ungated(instance, key, batch)) is not None:
            yield name, table
    rows = lake.ungated(instance, RELEASE, release) if release else None
    if rows is None:
        return
    released = rows.filter(pl.col("batch") == batch)
    if released.select(pl.len()).collect().item():
        yield RELEASE.path[-1], released
