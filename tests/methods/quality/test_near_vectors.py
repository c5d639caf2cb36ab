import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.quality.near_vectors import NearVectors
from evergrow.methods.vectors import cosines
from tests.properties import examples


def clustered(count: int, seed: int) -> np.ndarray:
    """Rows of length 1 in twenty bundles, whose members' cosines lie about the threshold."""
    drawn = np.random.default_rng(seed)
    centres = drawn.standard_normal((20, 64))
    rows = centres[drawn.integers(0, 20, count)] + 0.3 * drawn.standard_normal((count, 64))
    found: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


@settings(max_examples=examples(25))
@given(st.integers(1, 150), st.integers(1, 60), st.integers(0, 2**32), st.floats(0.5, 0.99), st.booleans())
def test_every_pair_that_reaches_the_threshold_is_found_whether_pruned_or_not(
    count: int, block: int, seed: int, similarity: float, pruned: bool
) -> None:
    vectors, known = clustered(count, seed), np.arange(count) % 3 == 0
    groups = np.arange(count) % 2
    finder, found = NearVectors(vectors, known, similarity, groups=groups, pruned=pruned), set()
    for start in range(0, count, block):
        rows = np.arange(start, min(start + block, count))
        for pairs in (finder.against_kept(rows), finder.among(rows)):
            found |= set(zip(pairs.earlier.tolist(), pairs.later.tolist(), strict=True))
        finder.keep(rows)
    earlier, later = np.triu_indices(count, k=1)
    compared = (groups[earlier] == groups[later]) & ~(known[earlier] & known[later])
    earlier, later = earlier[compared], later[compared]
    near = cosines(vectors, vectors, earlier, later) >= similarity
    assert found == set(zip(earlier[near].tolist(), later[near].tolist(), strict=True))


def test_rows_that_are_alone_in_their_group_are_near_nothing() -> None:
    vectors = np.repeat(clustered(1, 0), 3, axis=0)
    finder = NearVectors(vectors, np.zeros(3, bool), 0.9, groups=np.arange(3))
    assert finder.among(np.arange(3)).similarity == pytest.approx([])
