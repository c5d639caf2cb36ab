"""Where rows stand on a map."""

import numpy as np

from evergrow.methods.maps.layout import TSNE_ROWS, layout, neighbours


def groups(count: int, each: int) -> np.ndarray:
    """`count` groups of like rows, one after the other."""
    draw = np.random.default_rng(1)
    middles = np.repeat(draw.normal(size=(count, 16)), each, axis=0)
    rows = middles + draw.normal(size=middles.shape) * 0.1
    found: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def test_like_rows_stand_together_and_the_map_is_the_same_every_time() -> None:
    for each in (4, 12):  # too few rows for t-SNE, and enough
        vectors = groups(3, each)
        first, second = layout(vectors), layout(vectors)
        of = np.repeat(np.arange(3), each)
        middles = np.stack([first.places[of == group].mean(axis=0) for group in range(3)])
        nearest = np.linalg.norm(first.places[:, None] - middles[None], axis=2).argmin(axis=1)

        assert (nearest == of).all()
        assert np.array_equal(first.places, second.places)
        assert np.abs(first.places).max() <= 1
        assert ("t-SNE" in first.method) == (len(vectors) in TSNE_ROWS)


def test_a_map_of_few_or_equal_rows_is_one_place() -> None:
    for rows in (0, 1, 3):
        found = layout(np.tile(np.eye(1, 4, dtype=np.float32), (rows, 1)))
        assert (found.places.shape, found.method) == ((rows, 2), "all rows stand at one place")


def test_neighbours_are_the_most_similar_others() -> None:
    vectors = groups(4, 5)
    places, cosines = neighbours(vectors, 4)

    assert (places // 5 == np.repeat(np.arange(4), 5)[:, None]).all()
    assert (places != np.arange(20)[:, None]).all()
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert neighbours(vectors[:1], 4)[0].shape == (1, 0)
