import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.measures.distances import mean_pairwise_similarity, nearest_distances, novelsum

CROSS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], dtype=np.float32)


def unit(rows: int, seed: int, width: int = 8) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def novelsum_as_published(vectors: np.ndarray) -> float:
    """Row by row, as the authors' released code does (self at rank 1, weights normalised, density to the power 0.5)."""
    novelties = []
    for place, vector in enumerate(vectors):
        others = sorted(1.0 - float(vector @ other) for n, other in enumerate(vectors) if n != place)
        density = 1.0 / (np.mean(others[:10]) + 1e-9) ** 0.5
        weights = [1.0 / rank for rank in range(1, len(vectors) + 1)]
        novelties.append(density * np.average([0.0, *others], weights=weights))
    return float(np.mean(novelties))


def test_four_directions_have_the_similarity_that_is_worked_out_by_hand() -> None:
    # 6 pairs: 4 at a right angle (0), 2 opposite (-1): -2 / 6.
    assert mean_pairwise_similarity(CROSS) == pytest.approx(-1 / 3)
    assert mean_pairwise_similarity(np.repeat(CROSS[:1], 5, axis=0)) == pytest.approx(1.0)
    assert mean_pairwise_similarity(CROSS[:1]) is None


@given(st.integers(2, 60), st.integers(0, 99))
def test_the_sum_of_vectors_gives_the_mean_over_all_pairs(rows: int, seed: int) -> None:
    vectors = unit(rows, seed)
    products = (vectors @ vectors.T)[~np.eye(rows, dtype=bool)]

    assert mean_pairwise_similarity(vectors) == pytest.approx(float(products.mean()), abs=1e-5)


def test_nearest_distances_are_those_to_another_row() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1], [-1, 0]], dtype=np.float32)

    assert nearest_distances(vectors, np.arange(4)).tolist() == pytest.approx([0, 0, 1, 1])


def test_novelsum_of_four_directions_is_the_value_worked_out_by_hand() -> None:
    # Distances of each row: itself 0, then 1, 1, 2. Weighed by 1, 1/2, 1/3, 1/4, whose sum is 25/12:
    # (1/2 + 1/3 + 2/4) / (25/12) = 0.64. Mean distance to its neighbours 4/3: 0.64 / sqrt(4/3).
    assert novelsum(CROSS) == pytest.approx(0.64 / (4 / 3) ** 0.5)


@given(st.integers(2, 40), st.integers(0, 99))
def test_novelsum_equals_the_published_computation_row_by_row(rows: int, seed: int) -> None:
    vectors = unit(rows, seed)

    assert novelsum(vectors) == pytest.approx(novelsum_as_published(vectors), rel=1e-3)


def test_novelsum_falls_when_rows_are_repeated() -> None:
    spread, repeated = unit(600, 1, 64), np.repeat(unit(60, 1, 64), 10, axis=0)
    noise = 0.01 * unit(600, 2, 64)
    near_copies = (repeated + noise) / np.linalg.norm(repeated + noise, axis=1, keepdims=True)
    values = [novelsum(one) or 0.0 for one in (spread, near_copies.astype(np.float32), repeated)]

    assert values == sorted(values, reverse=True)
    assert values[-1] > 0
