import numpy as np
import polars as pl
import pytest

from evergrow.methods.measures.measure_table import (
    TextSet,
    differences,
    leaf_measures,
    measures,
    reference_coverage,
    table,
)


def text_set(rows: int, seed: int = 0) -> TextSet:
    rng = np.random.default_rng(seed)
    texts = pl.Series([" ".join(f"w{n}" for n in rng.integers(0, 500, 20)) for _ in range(rows)], dtype=pl.String)
    vectors = rng.standard_normal((rows, 16)).astype(np.float32)
    return TextSet(texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_every_measure_of_a_set_has_a_value_a_direction_and_a_source() -> None:
    found = table(list(measures(text_set(300))))

    assert found["value"].null_count() == 0
    assert found["measure"].is_unique().all()
    assert (found["source"].str.len_chars() > 3).all()
    assert set(found["better"]) == {"higher", "lower", ""}


@pytest.mark.parametrize("rows", [0, 1])
def test_a_set_that_is_too_small_has_no_value_rather_than_a_wrong_one(rows: int) -> None:
    found = dict(table(list(measures(text_set(rows)))).select("measure", "value").iter_rows())

    assert found["mean_pairwise_similarity"] is None
    assert found["novelsum"] is None
    assert found["nearest_distance_mean"] is None


def test_only_the_measures_that_are_named_are_taken() -> None:
    every, some = measures(text_set(50)), ("vocabulary", "novelsum")

    assert list(measures(text_set(50), some)) == [one for one in every if one.name in some]
    assert set(differences(text_set(50), text_set(20), some)) == set(some)


def test_leaves_that_hold_nothing_are_not_even() -> None:
    assert [one.value for one in leaf_measures([0, 0])] == [0.0, None, None]
    assert [one.value for one in leaf_measures([])] == [None, None, None]


def test_a_set_is_compared_with_another_on_equal_numbers_of_rows() -> None:
    small, large = text_set(40), text_set(400)

    against = differences(large, small)
    words = against["vocabulary"]

    assert words is not None
    assert abs(words) < 60  # 400 rows have 150 words more than 40: only the draw is compared
    assert differences(small, small) == {name: pytest.approx(0.0) for name in against}


def test_coverage_of_a_reference_and_of_leaves_are_measures_too() -> None:
    whole = text_set(60)

    assert reference_coverage(whole, whole).value == 1.0
    assert leaf_measures([2, 2, 0])[0].value == pytest.approx(2 / 3)
