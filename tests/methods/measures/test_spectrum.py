import numpy as np
import pytest

from evergrow.methods.measures.spectrum import vendi_score


def test_the_score_is_the_number_of_rows_that_share_nothing_and_one_for_copies() -> None:
    assert vendi_score(np.eye(5, dtype=np.float32)) == pytest.approx(5.0)
    assert vendi_score(np.repeat(np.eye(5, dtype=np.float32)[:1], 7, axis=0)) == pytest.approx(1.0)
    assert vendi_score(np.empty((0, 5), dtype=np.float32)) is None


def test_the_published_example_of_two_kinds_in_unequal_shares() -> None:
    # Three rows of one kind, one of another: exp(entropy of 3/4, 1/4).
    vectors = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]

    assert vendi_score(vectors) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))


def test_it_equals_the_score_by_the_matrix_of_all_pairs() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh((vectors @ vectors.T).astype(np.float64) / 50)
    shares = shares[shares > 1e-9]

    assert vendi_score(vectors) == pytest.approx(float(np.exp(-(shares * np.log(shares)).sum())), rel=1e-4)
