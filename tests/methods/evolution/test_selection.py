import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.evolution import selection

SCHEMA = {
    "id": pl.String,
    "root_id": pl.String,
    "value": pl.Float64,
    "parent_complexity": pl.Float64,
    "parent_diversity": pl.Float64,
    "reason": pl.String,
}
Row = tuple[str, str, float | None, float | None, float | None, str | None]


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def select(rows: pl.DataFrame, **rules: object) -> dict[str, str | None]:
    defaults: dict[str, object] = {"order": ("margin", "beam"), "margin": 0.0, "beam": 1.0}
    chosen = selection.select(rows, **{**defaults, **rules})  # type: ignore[arg-type]
    return dict(chosen.select("id", "reason").iter_rows())


def test_value_is_complexity_plus_ten_times_diversity() -> None:
    """The paper's worked examples: 5.0 + 4.42 and its children."""
    scores = pl.DataFrame({"complexity": [5.0, 8.0, 9.0], "diversity": [0.442, 0.560, 0.635]})

    assert scores.select(selection.value()).to_series().to_list() == pytest.approx([9.42, 13.60, 15.35])


def test_a_child_as_good_as_its_parent_goes_on_and_a_worse_one_stops() -> None:
    rows = frame(("a_0", "a", 8.0, 3.0, 0.5, None), ("a_1", "a", 7.99, 3.0, 0.5, None))

    assert select(rows) == {"a_0": None, "a_1": "below_parent"}


def test_the_margin_raises_or_lowers_the_bar() -> None:
    rows = frame(("a_0", "a", 8.0, 3.0, 0.5, None))

    assert select(rows, margin=0.5) == {"a_0": "below_parent"}
    assert select(rows.with_columns(value=7.6), margin=-0.5) == {"a_0": None}


def test_children_of_seeds_have_no_bar() -> None:
    assert select(frame(("a_0", "a", 1.0, None, None, None))) == {"a_0": None}


def test_the_beam_keeps_the_best_share_and_ties_go_by_id() -> None:
    rows = frame(*((f"a_{n}", "a", 5.0, None, None, None) for n in (3, 1, 0, 2)))

    assert select(rows, beam=0.75) == {"a_0": None, "a_1": None, "a_2": None, "a_3": "outside_beam"}


def test_the_beam_of_each_tree_keeps_every_tree() -> None:
    rows = frame(
        ("a_0", "a", 9.0, None, None, None), ("a_1", "a", 8.0, None, None, None), ("b_0", "b", 1, None, None, None)
    )

    assert select(rows, beam=0.5) == {"a_0": None, "a_1": None, "b_0": "outside_beam"}
    assert select(rows, beam=0.5, scope="tree") == {"a_0": None, "a_1": "outside_beam", "b_0": None}


def test_the_order_of_the_rules_matters() -> None:
    rows = frame(("a_0", "a", 9.0, 9.0, 0.9, None), ("a_1", "a", 5.0, None, None, None))

    assert select(rows, beam=0.5) == {"a_0": "below_parent", "a_1": None}
    assert select(rows, beam=0.5, order=("beam", "margin")) == {"a_0": "below_parent", "a_1": "outside_beam"}


def test_rejected_children_take_no_place_in_the_beam() -> None:
    rows = frame(("a_0", "a", 9.0, None, None, "too_short"), ("a_1", "a", 5.0, None, None, None))

    assert select(rows, beam=0.5) == {"a_0": "too_short", "a_1": None}


def test_a_tenth_of_thirty_is_three() -> None:
    """In binary 0.1 * 30 is above 3, and its ceiling would be 4."""
    rows = frame(*((f"a_{n}", "a", float(n), None, None, None) for n in range(30)))

    assert sum(reason is None for reason in select(rows, beam=0.1).values()) == 3


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(1, 20)), max_size=30),
    st.floats(0.01, 1.0),
    st.sampled_from(["global", "tree"]),
)
def test_the_beam_keeps_exactly_its_share_and_nothing_better_is_left_out(
    values: list[tuple[str, float]], beam: float, scope: str
) -> None:
    rows = frame(*((f"{root}_{n}", root, value, None, None, None) for n, (root, value) in enumerate(values)))

    chosen = select(rows, beam=beam, scope=scope)

    for root in {r for r, _ in values} if scope == "tree" else {None}:
        group = [(key, v) for key, r, v in rows.select("id", "root_id", "value").iter_rows() if root in (None, r)]
        inside = [v for key, v in group if chosen[key] is None]
        outside = [v for key, v in group if chosen[key] is not None]
        assert len(inside) == math.ceil(round(beam * len(group), 9))
        assert not outside or min(inside) >= max(outside)


def test_each_tree_has_one_champion_the_first_of_its_best() -> None:
    children = pl.DataFrame(
        {
            "id": ["a_1", "a_0", "a_2", "b_0", "c_0"],
            "root_id": ["a", "a", "a", "b", "c"],
            "complexity": [7.0, 7.0, 3.0, 1.0, None],
        }
    )

    assert sorted(selection.champions(children)["id"]) == ["a_0", "b_0"]


def test_a_child_that_misses_a_floor_says_which_and_keeps_an_earlier_reason() -> None:
    rows = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e"],
            "complexity": [3.0, 8.0, 8.0, 9.0, None],
            "diversity": [0.1, 0.1, 0.5, 0.9, None],
            "value": [4.0, 9.0, 13.0, 18.0, None],
            "reason": [None, None, None, "too_short", "failed: timeout"],
        }
    )

    screened = selection.screen(rows, {"complexity": 5.0, "diversity": 0.2, "value": 14.0})

    assert screened["reason"].to_list() == [
        *("below_complexity", "below_diversity", "below_value", "too_short", "failed: timeout")
    ]
    assert selection.screen(rows, {"complexity": None})["reason"].equals(rows["reason"])


def scored(*rows: tuple[str, float, str | None]) -> pl.DataFrame:
    schema = {"id": pl.String, "complexity": pl.Float64, "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(complexity_reason=pl.lit("hard"))


TRIED = pl.DataFrame(
    {
        "id": ["a", "b"],
        "strong": [1.0, 1.0],
        "weak": [1.0, 0.0],
        "difficulty": [1.0, 5.5],
        "below": ["below_gap: x", None],
    }
)


def test_what_solvers_find_too_easy_is_rejected_and_a_reason_stays() -> None:
    children = scored(("a", 7.0, None), ("b", 6.0, "failed: x"), ("c", 5.0, None))

    found = selection.by_solvers(children, TRIED, counts=False)

    assert found["reason"].to_list() == ["below_gap: x", "failed: x", None]
    assert found["complexity"].to_list() == [7.0, 6.0, 5.0]
    assert found.columns == children.columns


def test_measured_difficulty_takes_the_place_of_the_judges_score_and_says_so() -> None:
    found = selection.by_solvers(scored(("a", 7.0, None), ("c", 5.0, None)), TRIED, counts=True)

    assert found["complexity"].to_list() == [1.0, 5.0]
    assert (
        found["complexity_reason"][0]
        == "solved by the strong solver 1.0 of the time, by the weak one 1.0; judged 7.0: hard"
    )
    assert found["complexity_reason"][1] == "hard"
