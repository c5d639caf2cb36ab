"""Ways of asking one judge, compared on the same planted tasks: which of them ranks the tasks better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

from evergrow.methods.calibration.calibration import FEWEST, spearman

DRAWS, SEED = 2_000, 20_260  # of the bootstrap over tasks
CHANCE = 0.05  # that a way is taken which is no better: of all ways that are compared with today's, together
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True)
class RankDifference:
    """How much better than another way one ranks the tasks.

    Attributes:
        difference: of the rank correlations with the known order; None where one of them ranks nothing.
        low, high: its interval by a bootstrap over tasks, the same for both: of 95 % where there is one rival.
    """

    difference: float | None
    low: float | None
    high: float | None

    @property
    def better(self) -> bool:
        """Whether it is better beyond chance."""
        return self.low is not None and self.low > 0


def compare(one: pl.DataFrame, other: pl.DataFrame, rivals: int = 1) -> RankDifference:
    """`one` less `other`.

    Args:
        one, other: scores, `id, probe, band, score`, as `calibration.calibrate` takes them; tasks of known order that
            one of them gave no score count as the worst place, as a judge that refuses them ranks nothing.
        rivals: ways that are compared with `other`: of many, one wins by chance, so the interval is wider.
    """
    both = _ranked(one).join(_ranked(other), on=["id", "band"], suffix="_other").sort("id")
    told = _differences(both.with_columns(draw=0))
    if told.is_empty():
        return RankDifference(None, None, None)
    tasks = np.random.default_rng(SEED).integers(0, both.height, DRAWS * both.height)
    drawn = both[tasks].with_columns(draw=np.arange(DRAWS).repeat(both.height))
    tail = CHANCE / 2 / rivals
    low, high = np.quantile(_differences(drawn), (tail, 1 - tail))
    return RankDifference(told.item(), float(low), float(high))


def best(today: Name, trusted: Mapping[Name, pl.DataFrame]) -> Name | None:
    """The way to take, of those that can be trusted: today's, unless another is better beyond chance, or today's
    cannot be trusted; None where none can.

    Args:
        today: the name of the way that is set.
        trusted: the scores of each way that passes its gate, by name.
    """
    correlations = {name: correlation(scores) for name, scores in trusted.items()}
    order = sorted(trusted, key=lambda name: -(correlations[name] or -1.0))
    if today not in trusted:
        return order[0] if order else None
    rivals = max(len(trusted) - 1, 1)
    better = (name for name in order if name != today and compare(trusted[name], trusted[today], rivals).better)
    return next(better, today)


def correlation(scores: pl.DataFrame) -> float | None:
    """Rank correlation of the mean scores of the tasks of known order with their bands."""
    ranked = _ranked(scores)
    return spearman(ranked["score"], ranked["band"])


def _ranked(scores: pl.DataFrame) -> pl.DataFrame:
    known = scores.filter(pl.col("probe") == "band").group_by("id", "band").agg(pl.col("score").mean())
    return known.with_columns(pl.col("score").fill_null(0.0))


def _differences(drawn: pl.DataFrame) -> pl.Series:
    """Of each draw, `draw, band, score, score_other`, the difference of the rank correlations with the bands.

    Those of draws in which neither ranks anything are left out. Where one gives the same score to all, it ranks
    nothing, and is as far from the order as chance.
    """
    ranked = (pl.corr(name, "band", method="spearman").fill_nan(None).alias(name) for name in ("score", "score_other"))
    found = drawn.group_by("draw").agg(*ranked, tasks=pl.len()).filter(pl.col("tasks") >= FEWEST)
    told = found.filter(pl.any_horizontal(pl.col("score", "score_other").is_not_null())).fill_null(0.0)
    return told["score"] - told["score_other"]
