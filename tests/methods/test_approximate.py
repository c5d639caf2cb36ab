"""The approximate search: nearly always the nearest, never of the same label, its cosines exact."""

import numpy as np
import pytest

from evergrow.methods.approximate import approximately_nearest
from evergrow.methods.evolution.diversity import diversity
from evergrow.methods.vectors import NOTHING, nearest


def clustered(rows: int, seed: int) -> np.ndarray:
    """Float32 (rows, 32) of length 1 around 40 directions, as texts of like kinds lie."""
    centres = np.random.default_rng(7).standard_normal((40, 32))
    draw = np.random.default_rng(seed)
    found = centres[draw.integers(0, 40, rows)] + 0.6 * draw.standard_normal((rows, 32))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def sides() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, champions, and the trees of both."""
    return clustered(3_000, 1), clustered(1_500, 2), np.arange(3_000) % 1_500, np.arange(1_500)


def test_it_finds_the_nearest_nearly_always(sides: tuple[np.ndarray, ...]) -> None:
    rows, champions, own, theirs = sides

    place, cosine = approximately_nearest(rows, champions, labels=(own, theirs), exact_below=0)
    exact, best = nearest(rows, champions, labels=(own, theirs))

    assert (place == exact).mean() > 0.85
    assert np.abs(cosine - best).mean() < 0.01
    assert (cosine <= best + 1e-5).all()


def test_what_it_finds_is_of_another_tree_and_its_cosine_is_exact(sides: tuple[np.ndarray, ...]) -> None:
    rows, champions, own, theirs = sides

    place, cosine = approximately_nearest(rows, champions, labels=(own, theirs), exact_below=0)

    assert (place != NOTHING).all()
    assert (theirs[place] != own).all()
    np.testing.assert_allclose(cosine, (rows.astype(np.float64) * champions[place]).sum(axis=1), atol=1e-6)


def test_rows_that_only_meet_their_own_tree_are_compared_with_all() -> None:
    champions = clustered(200, 3)
    theirs = np.array([*([0] * 199), 1])  # but one are of one tree, and its rows lie among them

    place, _ = approximately_nearest(champions[:50], champions, labels=(np.zeros(50), theirs), exact_below=0)

    assert (place == 199).all()


def test_where_there_is_no_other_tree_nothing_is_found() -> None:
    champions = clustered(100, 4)

    place, cosine = approximately_nearest(champions, champions, labels=(np.zeros(100), np.zeros(100)), exact_below=0)

    assert (place == NOTHING).all()
    assert np.isneginf(cosine).all()


def test_few_champions_are_compared_exactly(sides: tuple[np.ndarray, ...]) -> None:
    rows, champions, own, _ = sides
    both, trees = np.concatenate([rows, champions]), np.concatenate([own, np.arange(1_500)])
    best = np.arange(3_000, 4_500)

    exact, approximate = diversity(both, trees, best), diversity(both, trees, best, search="approximate")

    np.testing.assert_array_equal(exact[1], approximate[1])
