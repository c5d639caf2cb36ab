import numpy as np
import polars as pl

from evergrow.methods.calibration.method_comparison import best, compare, correlation
from evergrow.methods.calibration.planted_tasks import planted_readings


def scores(noise: float, seed: int = 0, *, constant: float | None = None) -> pl.DataFrame:
    """Planted scores of a judge whose readings are off by up to `noise`."""
    table = planted_readings().with_columns(own=2.0 * pl.col("band").fill_null(1) - 1)
    off = np.random.default_rng(seed).uniform(-noise, noise, table.height)
    score = pl.col("own") + pl.Series(off) if constant is None else pl.lit(constant)
    return table.with_columns(score=score, unfit=pl.lit(None, pl.String))


def test_a_way_that_is_nearer_to_the_order_is_better_and_not_the_other_way_round() -> None:
    good, poor = scores(0.1), scores(9)

    assert compare(good, poor).better
    assert not compare(poor, good).better
    assert (compare(poor, good).high or 1) < 0


def test_two_ways_that_chance_could_tell_apart_are_not_told_apart() -> None:
    one, other = scores(3, 1), scores(3, 2)

    told = compare(one, other)

    assert told.low is not None
    assert told.high is not None
    assert told.low <= 0 <= told.high
    assert best("one", {"one": one, "other": other}) == "one"
    assert best("other", {"one": one, "other": other}) == "other"
    assert compare(one, one).difference == 0.0


def test_of_many_ways_one_has_to_be_better_by_more() -> None:
    alone, among = (compare(scores(1), scores(3), rivals) for rivals in (1, 4))

    assert alone.difference == among.difference
    assert (among.low or 0) < (alone.low or 0)
    assert (among.high or 0) > (alone.high or 0)


def test_one_score_for_all_ranks_nothing_and_loses() -> None:
    full = scores(0, constant=9.0)

    assert correlation(full) is None
    assert compare(scores(0.1), full).better
    assert not compare(full, full).better


def test_a_way_that_cannot_be_trusted_is_left_and_none_is_taken_where_none_can() -> None:
    assert best("today", {"other": scores(0.1)}) == "other"
    assert best("today", {}) is None
    assert best("poor", {"poor": scores(9), "good": scores(0.1)}) == "good"
