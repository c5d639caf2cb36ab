"""Difficulty that is measured, not judged: how often a strong and a weak solver get a task right.

A task is worth training on if the strong one can solve it and the weak one mostly cannot (Agentic Self-Instruct, 2026:
strong at least 0.6, weak below 0.5, a gap of 0.2 or more).
"""

import polars as pl

from evergrow.methods.calibration.calibration import spearman

BELOW_GAP = "below_gap"
SCHEMA = {"strong": pl.Float64, "weak": pl.Float64, "gap": pl.Float64, "measured": pl.Float64}


def tried(children: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Up to `rows` of the children, spread evenly over the judge's scores; all of them if there are no more.

    Args:
        children: `id, complexity` and others; those without a score are not tried.
        rows: how many.
    """
    scored = children.drop_nulls("complexity").sort("complexity", "id")
    if scored.height <= rows:
        return scored
    # The middles of `rows` equal parts: no score is tried twice where there are enough.
    places = [(2 * n + 1) * scored.height // (2 * rows) for n in range(rows)]
    return scored[places]


def pass_rates(draws: pl.DataFrame) -> pl.DataFrame:
    """`id, strong, weak, gap, measured` of each task that both solvers have tried; in the order of `draws`.

    Args:
        draws: one row per task, solver and draw: `id, solver` ("strong" or "weak"), `correct` (Boolean; null where
            nobody knows, which does not count).

    Returns:
        Pass rates 0 to 1; `gap` = strong - weak; `measured` = 1 to 10, 10 where both always fail: the mean failure rate
        of the two on the judge's scale.
    """
    known = draws.drop_nulls("correct")
    rates = known.group_by("id", maintain_order=True).agg(
        *(
            pl.col("correct").filter(pl.col("solver") == solver).mean().cast(pl.Float64).alias(solver)
            for solver in ("strong", "weak")
        )
    )
    both = rates.drop_nulls()
    failing = 1 - (pl.col("strong") + pl.col("weak")) / 2
    return both.with_columns(gap=pl.col("strong") - pl.col("weak"), measured=1 + 9 * failing)


def gap_reasons(rates: pl.DataFrame, min_strong: float, max_weak: float, min_gap: float) -> pl.Series:
    """Why each task is not worth training on, null where it is; its first word is `BELOW_GAP`.

    Args:
        rates: as `pass_rates` gives them.
        min_strong: lowest pass rate of the strong solver: a task that it cannot solve may be unsolvable.
        max_weak: highest pass rate of the weak one: a task that it solves teaches little.
        min_gap: lowest difference of the two.
    """
    shown = pl.format("{}: strong {}, weak {}", pl.lit(BELOW_GAP), pl.col("strong").round(2), pl.col("weak").round(2))
    # Halves and thirds are not exact: a gap of 0.2 must not fail for the last bit.
    fits = (
        (pl.col("strong") >= min_strong - 1e-9)
        & (pl.col("weak") <= max_weak + 1e-9)
        & (pl.col("gap") >= min_gap - 1e-9)
    )
    return rates.select(reason=pl.when(~fits).then(shown)).to_series()


def agreement_with_judge(rates: pl.DataFrame, judged: pl.DataFrame) -> float | None:
    """Rank correlation of judged complexity with measured difficulty; None where it cannot be told.

    Args:
        rates: as `pass_rates` gives them.
        judged: `id, complexity`.
    """
    both = rates.join(judged.select("id", "complexity"), on="id").drop_nulls(["complexity", "measured"])
    return spearman(both["complexity"], both["measured"])
