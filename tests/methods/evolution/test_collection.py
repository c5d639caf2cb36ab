import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.evolution.collection import collect
from tests.properties import examples

SCHEMA = {
    "id": pl.String,
    "root_id": pl.String,
    "round": pl.Int32,
    "value": pl.Float64,
    "parent_complexity": pl.Float64,
    "parent_diversity": pl.Float64,
}
Row = tuple[str, str, int, float, float | None, float | None]


def reasons(
    rows: list[Row], angles: list[float], distance: float = 0.1, target: int = 100, texts: list[str] | None = None
) -> dict[str, str | None]:
    """Texts are stood for by unit vectors at `angles` (radians): their distance is 1 - cos of the angle between."""
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    vectors = np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32).reshape(-1, 2)
    frame = frame.with_columns(content="id" if texts is None else pl.Series(texts))
    return dict(collect(frame, vectors, distance, target).select("id", "reason").iter_rows())


def test_only_samples_better_than_their_parents_are_collected() -> None:
    rows: list[Row] = [
        ("a_0", "a", 1, 1.0, None, None),
        ("a_0_0", "a", 2, 8.0, 3.0, 0.5),
        ("a_0_1", "a", 2, 8.1, 3.0, 0.5),
    ]

    assert reasons(rows, [0, 1, 2]) == {"a_0": None, "a_0_0": "not_better_than_parent", "a_0_1": None}


def test_of_close_samples_of_one_tree_and_round_the_best_is_collected() -> None:
    rows: list[Row] = [
        ("a_0", "a", 1, 1.0, None, None),
        ("a_1", "a", 1, 2.0, None, None),
        ("b_0", "b", 1, 1.0, None, None),
    ]

    assert reasons(rows, [0, 0.01, 0]) == {"a_0": "too_close_in_tree", "a_1": None, "b_0": None}


def test_equal_samples_of_two_rounds_do_not_exclude_each_other() -> None:
    rows: list[Row] = [("a_0", "a", 1, 1.0, None, None), ("a_0_0", "a", 2, 12.0, 1.0, 0.1)]

    assert reasons(rows, [0, 0]) == {"a_0": None, "a_0_0": None}


def test_of_equal_texts_anywhere_the_best_is_collected() -> None:
    rows: list[Row] = [
        ("a_0", "a", 1, 1.0, None, None),
        ("a_0_0", "a", 2, 12.0, 1.0, 0.1),
        ("b_0", "b", 1, 2.0, None, None),
    ]

    chosen = reasons(rows, [0, 1, 2], texts=["Sort it.", "sort  it", "SORT IT!"])

    assert chosen == {"a_0": "duplicate of a_0_0", "a_0_0": None, "b_0": "duplicate of a_0_0"}


def test_the_target_takes_every_trees_best_first() -> None:
    rows: list[Row] = [
        ("a_0", "a", 1, 9.0, None, None),
        ("a_1", "a", 1, 8.0, None, None),
        ("b_0", "b", 1, 2.0, None, None),
    ]

    assert reasons(rows, [0, 1, 2], target=2) == {"a_0": None, "a_1": "beyond_target", "b_0": None}


def test_nothing_accepted_collects_nothing() -> None:
    assert reasons([], []) == {}


@settings(max_examples=examples(60))
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2), st.integers(1, 9), st.floats(0, 6.28)), max_size=25)
)
def test_the_choice_is_the_greedy_one(samples: list[tuple[str, int, int, float]]) -> None:
    rows: list[Row] = [(f"{r}_{n:02d}", r, rnd, float(v), None, None) for n, (r, rnd, v, _) in enumerate(samples)]
    angles = [angle for *_, angle in samples]
    vectors = np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32).reshape(-1, 2)

    chosen = reasons(rows, angles, distance=0.2)

    taken: list[int] = []
    for n in sorted(range(len(rows)), key=lambda n: (-rows[n][3], rows[n][0])):
        rivals = [m for m in taken if rows[m][1:3] == rows[n][1:3]]
        margins = [1 - float(vectors[n] @ vectors[m]) - 0.2 for m in rivals]
        if any(abs(margin) < 1e-5 for margin in margins):
            return  # on the edge, rounding decides
        if all(margin > 0 for margin in margins):
            taken.append(n)
    assert {key for key, reason in chosen.items() if reason is None} == {rows[n][0] for n in taken}
