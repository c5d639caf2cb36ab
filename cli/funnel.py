"""Where the children went: requested = answered + failed, answered = accepted + rejected, round by round."""

import polars as pl

from evergrow.assets.keys import COLLECTED, round_name, stage_key
from evergrow.cli.workspace import Workspace
from evergrow.resources.lake import NeverMaterialized

UNANSWERED = ("failed", "refused", "invalid")
SCHEMA = {
    "stage": pl.String,
    "requested": pl.Int64,
    "answered": pl.Int64,
    "rejected": pl.Int64,
    "reasons": pl.String,
    "accepted": pl.Int64,
}


def funnel(workspace: Workspace, batch: str) -> pl.DataFrame:
    """One row per round, and one for the collection: `stage, requested, answered, rejected, reasons, accepted`.

    `requested` is the rows that came in; `answered` those that a model answered in the form asked for; `rejected` is
    all that did not go on, counted by `reasons`.
    """
    keys = [(round_name(n), stage_key(n, "accepted")) for n in workspace.made_rounds(batch)]
    rows = []
    for name, key in [*keys, ("collected", COLLECTED)]:
        try:
            table = workspace.lake.scan(workspace.instance, key, batch, gates=None, rows="all")
        except NeverMaterialized:
            continue
        first_word = pl.col("reason").str.extract(r"^(\w+)")
        counts = dict(table.group_by(word=first_word).len().collect().iter_rows())
        requested, accepted = sum(counts.values()), counts.pop(None, 0)
        unanswered = sum(counts.get(word, 0) for word in UNANSWERED)
        reasons = ", ".join(f"{word} {n}" for word, n in sorted(counts.items(), key=lambda item: -item[1]))
        rows.append((name, requested, requested - unanswered, requested - accepted, reasons, accepted))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
