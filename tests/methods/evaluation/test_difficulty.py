from collections.abc import Sequence

import polars as pl
import pytest

from evergrow.methods.evaluation.difficulty import agreement_with_judge, gap_reasons, pass_rates, tried


def draws(**tasks: tuple[Sequence[bool | None], Sequence[bool | None]]) -> pl.DataFrame:
    rows = [
        (name, solver, correct)
        for name, both in tasks.items()
        for solver, answers in zip(("strong", "weak"), both, strict=True)
        for correct in answers
    ]
    return pl.DataFrame(rows, schema={"id": pl.String, "solver": pl.String, "correct": pl.Boolean}, orient="row")


def test_rates_are_shares_of_the_draws_that_somebody_judged() -> None:
    found = pass_rates(draws(a=([True, True, None, False], [False, False]), b=([True], [None])))

    assert found["id"].to_list() == ["a"]  # nobody knows of b's weak draw
    assert found["strong"][0] == pytest.approx(2 / 3)
    assert found["gap"][0] == pytest.approx(2 / 3)
    assert found["measured"][0] == pytest.approx(1 + 9 * (1 - 1 / 3))


def test_tasks_that_teach_nothing_have_the_reason() -> None:
    found = pass_rates(
        draws(
            good=([True] * 4 + [False], [True] * 3 + [False] * 2),
            easy=([True] * 5, [True] * 5),
            unsolvable=([False] * 5, [False] * 5),
        )
    )

    reasons = dict(zip(found["id"], gap_reasons(found, 0.6, 0.6, 0.2), strict=True))

    assert reasons["good"] is None  # 0.8 and 0.6: the gap is just enough
    assert reasons["easy"] == "below_gap: strong 1.0, weak 1.0"
    assert (reasons["unsolvable"] or "").startswith("below_gap")


def test_a_judge_agrees_with_what_was_measured_or_does_not() -> None:
    found = pass_rates(draws(a=([True], [True]), b=([True], [False]), c=([False], [False])))
    judged = pl.DataFrame({"id": ["a", "b", "c"], "complexity": [2.0, 5.0, 9.0]})

    assert agreement_with_judge(found, judged) == pytest.approx(1.0)
    assert agreement_with_judge(found, judged.with_columns(complexity=10 - pl.col("complexity"))) == pytest.approx(-1.0)
    assert agreement_with_judge(found, judged.head(1)) is None


def test_those_who_are_tried_are_spread_over_the_scores() -> None:
    children = pl.DataFrame({"id": [f"c{n:02d}" for n in range(30)], "complexity": [None, *(n / 3 for n in range(29))]})

    found = tried(children, 5)

    assert found["complexity"].to_list() == sorted(found["complexity"].to_list())
    assert found["complexity"][0] < 2
    assert found["complexity"][-1] > 8
    assert found["id"].n_unique() == 5
    assert tried(children.sample(fraction=1.0, shuffle=True, seed=1), 5).equals(found)


@pytest.mark.parametrize("rows", [29, 30, 1000])
def test_all_are_tried_where_there_are_no_more_but_those_without_a_score(rows: int) -> None:
    children = pl.DataFrame({"id": [f"c{n:02d}" for n in range(30)], "complexity": [None, *(n / 3 for n in range(29))]})

    assert tried(children, rows).height == 29
