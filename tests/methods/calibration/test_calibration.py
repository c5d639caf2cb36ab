import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.calibration.calibration import (
    Calibration,
    calibrate,
    drift,
    partial_spearman,
    scored,
    spearman,
    weighted_kappa,
)
from evergrow.methods.calibration.planted_tasks import planted_readings

BY_PROBE = {"long_easy": 1.0, "short_hard": 9.0, "vague": 1.0, "unsolvable": 1.0}


def readings(score: pl.Expr) -> pl.DataFrame:
    """All planted readings with scores by an expression over `own`, the level that a perfect judge would give."""
    table = planted_readings()
    known = dict(table.filter(pl.col("probe") == "band").select("id", 2.0 * pl.col("band") - 1).iter_rows())
    level = pl.coalesce(
        pl.col("probe").replace_strict(BY_PROBE, default=None, return_dtype=pl.Float64),
        pl.coalesce("of", "id").replace_strict(known, default=None, return_dtype=pl.Float64),
    )
    return table.with_columns(own=level).with_columns(score=score, unfit=pl.lit(None, pl.String))


def test_a_perfect_judge_has_perfect_figures() -> None:
    found = calibrate(readings(pl.col("own")))

    assert found.rank_correlation == pytest.approx(1.0)
    assert [found.bands_in_order, found.pairs_in_order] == [1.0, 1.0]
    assert [found.retest_change, found.retest_kappa] == [0.0, 1.0]
    assert [found.paraphrase_change, found.injection_gain, found.unread] == [0.0, 0.0, 0]
    assert [found.long_easy, found.short_hard] == [1.0, 9.0]
    assert [found.unfit_known, found.unfit_caught] == [0.0, 1.0]
    assert found.scores_used == 5


def test_a_judge_of_length_is_found_out() -> None:
    found = calibrate(readings(1 + 9 * pl.col("words") / pl.col("words").max()))

    assert abs(found.rank_correlation or 1) < 0.3
    assert (found.length_bias or 0) > 0.95
    assert (found.long_easy or 0) > (found.short_hard or 9)


def test_a_judge_that_obeys_the_task_has_a_gain() -> None:
    obeys = pl.when(pl.col("probe") == "addressed").then(10.0).otherwise("own")

    assert (calibrate(readings(obeys)).injection_gain or 0) > 5
    assert calibrate(readings(pl.col("own"))).injection_gain == 0


def test_a_judge_that_reads_each_time_anew_is_not_repeatable() -> None:
    found = calibrate(readings(pl.when(pl.col("reading") == 0).then(pl.col("own")).otherwise(11 - pl.col("own"))))

    assert (found.retest_change or 0) > 3
    assert (found.retest_kappa or 1) < 0


def test_a_constant_judge_has_no_figures_where_there_is_nothing_to_tell() -> None:
    found = calibrate(readings(pl.lit(5.0)))

    assert found.rank_correlation is None
    assert found.retest_kappa is None
    assert [found.bands_in_order, found.pairs_in_order] == [0.0, 0.5]
    assert [found.scores_used, found.commonest_share] == [1, 1.0]


def test_what_was_not_read_is_counted_and_never_guessed() -> None:
    nothing = calibrate(readings(pl.lit(None, pl.Float64)))
    half = calibrate(readings(pl.when(pl.col("reading") == 0).then(pl.col("own"))))

    assert nothing.unread == planted_readings().height
    measured = {"tasks", "unread", "scores_used"}
    assert {name for name, value in nothing.figures().items() if value is not None} == measured
    assert half.rank_correlation == pytest.approx(1.0)
    assert [half.retest_change, half.retest_kappa] == [None, None]


def test_a_task_told_unfit_is_read_though_it_has_no_score() -> None:
    unfit = pl.when(pl.col("probe").is_in(["vague", "unsolvable"]) | (pl.col("band") == 1)).then(pl.lit("vague"))
    table = readings(pl.col("own")).with_columns(unfit=unfit)
    found = calibrate(table.with_columns(score=pl.when(pl.col("unfit").is_null()).then("score")))

    assert found.unread == 0
    assert [found.unfit_known, found.unfit_caught] == [pytest.approx(0.2), 1.0]
    assert [found.vague, found.bands_in_order] == [None, 1.0]


def test_kappa_is_that_of_a_textbook_table() -> None:
    one, other = pl.Series([1.0, 1.0, 2.0, 2.0]), pl.Series([1.0, 2.0, 2.0, 2.0])

    # Squared distances, 1 where they differ: observed in 1/4 of pairs, expected by chance
    # (2/4) x (3/4) + (2/4) x (1/4) = 1/2 of them. Kappa = 1 - (1/4) / (1/2).
    assert weighted_kappa(one, other) == pytest.approx(0.5)


def test_a_partial_correlation_takes_out_what_both_follow() -> None:
    fixed = pl.Series([1, 1, 2, 2, 3, 3, 4, 4])
    one, other = pl.Series([1, 2, 3, 4, 5, 6, 7, 8]), pl.Series([2, 1, 4, 3, 6, 5, 8, 7])

    assert (spearman(one, other) or 0) > 0.8
    assert (partial_spearman(one, other, fixed) or 0) == pytest.approx(-1.0)


@given(st.lists(st.tuples(st.floats(1, 10), st.floats(1, 10)), min_size=3, max_size=40))
def test_correlations_stay_on_their_scale(pairs: list[tuple[float, float]]) -> None:
    one, other = (pl.Series([pair[side] for pair in pairs]) for side in (0, 1))
    found = spearman(one, other)

    assert found is None or -1.000001 <= found <= 1.000001
    assert (weighted_kappa(one, other) or 0) <= 1.0


def test_drift_is_told_only_where_both_are_known() -> None:
    now: Calibration = calibrate(readings(pl.col("own")))
    before = {**now.figures(), "rank_correlation": 0.9, "retest_kappa": None}

    moved = drift(now.figures(), before)

    assert moved["rank_correlation"] == pytest.approx(0.1)
    assert moved["retest_kappa"] is None


def test_several_readings_make_a_score_together_and_one_that_failed_is_missed() -> None:
    one = {"probe": "band", "band": 1, "of": None, "words": 5}
    read = [(4.0, None), (6.0, None), (5.0, None), (None, None), (None, "unfit: x"), (None, "unfit: x")]
    rows = [{"id": "t", "reading": n, "score": s, "unfit": u, **one} for n, (s, u) in enumerate(read)]
    schema = {"of": pl.String, "score": pl.Float64, "unfit": pl.String}

    found = scored(pl.DataFrame(rows, schema_overrides=schema), 2)

    assert found["reading"].to_list() == [0, 1, 2]
    assert found["score"].to_list() == [5.0, None, None]
    assert found["unfit"].to_list() == [None, None, "unfit: x"]
    assert calibrate(found).unread == 1
