import numpy as np
import pytest

from evergrow.methods.measures.spread import cluster_entropy, coverage, leaf_coverage


def on_circle(degrees: list[float]) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_a_set_covers_those_reference_rows_that_it_has_something_near_to() -> None:
    left, right = [float(n) for n in range(10)], [90.0 + n for n in range(10)]
    reference = on_circle(left + right)
    everywhere = np.arange(20)

    assert coverage(reference, reference, everywhere) == 1.0
    assert coverage(reference, on_circle([4.5]), everywhere) == 10 / 20
    assert coverage(reference, on_circle([-0.5]), everywhere) == 3 / 20  # 3 degrees is 3.5 away, its fifth neighbour 3
    assert coverage(reference, on_circle([200.0]), everywhere) == 0.0
    assert coverage(reference[:5], reference, np.arange(5)) is None
    assert coverage(reference, reference[:0], everywhere) is None


def test_clusters_of_one_size_have_more_entropy_than_one_large_one() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(8, dtype=np.float32)

    def rows(of: list[int]) -> np.ndarray:
        noisy = centres[of] + 0.02 * rng.standard_normal((len(of), 8)).astype(np.float32)
        return np.asarray(noisy / np.linalg.norm(noisy, axis=1, keepdims=True))

    even = cluster_entropy(rows([n % 8 for n in range(80)]))
    uneven = cluster_entropy(rows([0] * 66 + [1, 2, 3, 4, 5, 6, 7] * 2))

    assert even is not None
    assert uneven is not None
    assert even > 0.95
    assert even > uneven
    assert cluster_entropy(centres) is None


def test_leaves_with_a_row_are_covered() -> None:
    share, even = leaf_coverage([3, 3, 0, 0])

    assert share == 0.5
    assert even.entropy == pytest.approx(0.5)
    assert leaf_coverage([])[0] is None
