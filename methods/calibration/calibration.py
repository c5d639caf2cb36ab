"""What the readings of planted tasks say of a judge. Every figure comes from readings that were made, or is null.

The probes follow studies of judges: repeatability apart from validity, agreement corrected for chance, length and
instructions inside the text (arXiv 2606.13685, 2606.19544, 2605.09702).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

LOW = 3.0  # a score up to this says that a task is no challenge
FEWEST = 3  # pairs of which a rank correlation is told
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a judge read the planted tasks. A figure is None where too few readings were made to tell.

    Attributes:
        tasks: planted tasks, each read twice.
        unread: readings that failed.
        unfit_known: share of readings of tasks of known order that were told unfit, and got no score.
        unfit_caught: share of readings of vague and unsolvable tasks that were told unfit, or scored 3 at most.
        rank_correlation: Spearman's, of a task's mean score with its band; ties share their rank.
        bands_in_order: share of the four steps between bands at which the mean score rises.
        pairs_in_order: share of pairs of tasks of different bands whose scores are in order; ties count half.
        retest_change: mean distance of a task's two scores, points.
        retest_kappa: Cohen's kappa of the two readings, weighted by the square of the distance: 1 if equal, 0 if as by
            chance.
        length_bias: partial rank correlation of score with number of words, the band held fixed.
        long_easy: mean score of tasks that are long and easy.
        short_hard: mean score of tasks that are short and hard.
        vague: mean score of tasks that say too little to be solved, where they got one.
        unsolvable: mean score of tasks that nobody can solve, where they got one.
        paraphrase_change: mean distance of the scores of a task and of the same task in other words, points.
        injection_gain: by how much the mean score rises where a task speaks to the judge, points.
        scores_used: how many different scores were given.
        commonest_share: share of readings that have the commonest score.
    """

    tasks: int
    unread: int
    unfit_known: float | None
    unfit_caught: float | None
    rank_correlation: float | None
    bands_in_order: float | None
    pairs_in_order: float | None
    retest_change: float | None
    retest_kappa: float | None
    length_bias: float | None
    long_easy: float | None
    short_hard: float | None
    vague: float | None
    unsolvable: float | None
    paraphrase_change: float | None
    injection_gain: float | None
    scores_used: int
    commonest_share: float | None

    def figures(self) -> dict[str, float | int | None]:
        """The figures by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def scored(readings: pl.DataFrame, together: int) -> pl.DataFrame:
    """What `calibrate` takes, of readings of which so many `together` make a score: their mean, or unfit where more of
    them found the task so than did not. Where one of them failed, the score did.

    Args:
        readings: as of `calibrate`, with `together` readings for each of its.
        together: how many, at least 1.
    """
    if together == 1:
        return readings
    failed = (pl.col("score").is_null() & pl.col("unfit").is_null()).any()
    unfit = ~failed & (pl.col("unfit").is_not_null().sum() > pl.col("score").is_not_null().sum())
    return (
        readings.with_columns(reading=pl.col("reading") // together)
        .group_by("id", "reading", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in ("probe", "band", "of", "words")),
            score=pl.when(~failed & ~unfit).then(pl.col("score").mean()),
            unfit=pl.when(unfit).then(pl.col("unfit").drop_nulls().first()),
        )
    )


def calibrate(readings: pl.DataFrame) -> Calibration:
    """What the readings say.

    Args:
        readings: one row per task and reading: `id, probe, band, of, words, reading, score, unfit`. `unfit` is the
            judge's reason to give no score; where it and `score` are null, the reading failed.
    """
    read = readings.filter(pl.col("score").is_not_null() | pl.col("unfit").is_not_null())
    scored = readings.filter(pl.col("score").is_not_null())
    means = scored.group_by("id", "probe", "band", "of", "words", maintain_order=True).agg(pl.col("score").mean())
    known = means.filter(pl.col("probe") == "band")
    first, second = _both_readings(scored)
    return Calibration(
        tasks=readings["id"].n_unique(),
        unread=readings.height - read.height,
        unfit_known=_share(read.filter(pl.col("probe") == "band"), pl.col("unfit").is_not_null()),
        unfit_caught=_share(
            read.filter(pl.col("probe").is_in(["vague", "unsolvable"])),
            pl.col("unfit").is_not_null() | (pl.col("score") <= LOW),
        ),
        rank_correlation=spearman(known["score"], known["band"]),
        bands_in_order=_bands_in_order(known),
        pairs_in_order=_pairs_in_order(known),
        retest_change=_mean((first - second).abs()),
        retest_kappa=weighted_kappa(first, second),
        length_bias=partial_spearman(known["score"], known["words"], known["band"]),
        **{name: _mean(means.filter(pl.col("probe") == name)["score"]) for name in _LEVELS},
        paraphrase_change=_mean(_against_original(means, "paraphrase").abs()),
        injection_gain=_mean(_against_original(means, "addressed")),
        scores_used=scored["score"].n_unique(),
        commonest_share=_commonest(scored["score"]),
    )


_LEVELS = ("long_easy", "short_hard", "vague", "unsolvable")


def drift(now: Mapping[str, float | int | None], before: Mapping[str, float | int | None]) -> dict[str, float | None]:
    """By figure, now less before; None where either is not known."""
    known = {name: (value, before.get(name)) for name, value in now.items()}
    return {name: None if a is None or b is None else float(a) - float(b) for name, (a, b) in known.items()}


def spearman(one: pl.Series, other: pl.Series) -> float | None:
    """Rank correlation, -1 to 1; None for fewer than three pairs, or where one side does not vary."""
    if len(one) < FEWEST or one.n_unique() < 2 or other.n_unique() < 2:
        return None
    ranks = [series.rank("average").to_numpy() for series in (one, other)]
    return float(np.corrcoef(ranks)[0, 1])


def partial_spearman(one: pl.Series, other: pl.Series, fixed: pl.Series) -> float | None:
    """Rank correlation of two while the third is held fixed; None where that cannot be told."""
    between, first, second = spearman(one, other), spearman(one, fixed), spearman(other, fixed)
    if between is None or first is None or second is None:
        return None
    rest = (1 - first**2) * (1 - second**2)
    return (between - first * second) / math.sqrt(rest) if rest > TINY else None


def weighted_kappa(one: pl.Series, other: pl.Series) -> float | None:
    """Cohen's kappa with squared weights (Cohen 1968) of two readings; None where all scores are one."""
    if one.is_empty() or pl.concat([one, other]).n_unique() < 2:
        return None
    first, second = one.to_numpy(), other.to_numpy()
    observed = float(((first - second) ** 2).mean())
    expected = float(((first[:, None] - second[None, :]) ** 2).mean())
    return 1.0 - observed / expected if expected else None


def _both_readings(scored: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """The scores of tasks that have two readings, first and second."""
    both = scored.pivot("reading", index="id", values="score", aggregate_function="first")
    if not {"0", "1"} <= set(both.columns):
        return pl.Series(dtype=pl.Float64), pl.Series(dtype=pl.Float64)
    both = both.drop_nulls(["0", "1"])
    return both["0"], both["1"]


def _bands_in_order(known: pl.DataFrame) -> float | None:
    means = known.group_by("band").agg(pl.col("score").mean()).sort("band")["score"]
    steps = means.diff().drop_nulls()
    return float((steps > 0).sum() / len(steps)) if len(steps) else None


def _pairs_in_order(known: pl.DataFrame) -> float | None:
    side = known.select("band", "score")
    pairs = side.join(side, how="cross", suffix="_higher").filter(pl.col("band") < pl.col("band_higher"))
    rise = pairs["score_higher"] - pairs["score"]
    return (int((rise > 0).sum()) + 0.5 * int((rise == 0).sum())) / len(rise) if len(rise) else None


def _against_original(means: pl.DataFrame, probe: str) -> pl.Series:
    """Scores of a probe's tasks less those of the tasks that they are made of."""
    original = means.select(of="id", original="score")
    pairs = means.filter(pl.col("probe") == probe).join(original, on="of")
    return pairs["score"] - pairs["original"]


def _commonest(scores: pl.Series) -> float | None:
    return float(scores.unique_counts().max() or 0) / len(scores) if len(scores) else None  # type: ignore[arg-type]


def _share(rows: pl.DataFrame, which: pl.Expr) -> float | None:
    return rows.filter(which).height / rows.height if rows.height else None


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else None
