"""The funnel as a picture: one bar a stage, what went on, what was rejected, what failed."""

import polars as pl

from evergrow.methods.text.svg import AMBER, GREEN, RED, Bar, bars

MOST_STAGES = 60
COLOURS = {"accepted": GREEN, "rejected": AMBER, "failed": RED}


def funnel_picture(funnel: pl.DataFrame) -> str:
    """The funnel's stages as SVG, one below another, as wide as the rows that came into them.

    funnel: `stage, requested, failed, rejected, accepted`; rows of the same stage, of several batches, are added up.
    """
    counts = ("requested", *COLOURS)
    stages = funnel.group_by("stage", maintain_order=True).agg(pl.col(counts).cast(pl.Int64).fill_null(0).sum())
    rows = [
        Bar(str(row["stage"]), [row[name] for name in COLOURS], f"{row['accepted']:,} of {row['requested']:,}")
        for row in stages.head(MOST_STAGES).iter_rows(named=True)
    ]
    hidden = stages.height - len(rows)
    return bars(rows, COLOURS, f"and {hidden:,} more stages" if hidden else "")
