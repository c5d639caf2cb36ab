"""Diversity against a brute-force float64 computation, on real and on random vectors."""

import ast
import logging
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.evolution.diversity import diversity, ratio_to_seeds
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.embedding import Embedding
from tests.properties import examples

TEXTS, TREES = 500, 60


def unit_rows(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def brute_force(embeddings: np.ndarray, roots: np.ndarray, champions: np.ndarray) -> list[float]:
    """The formula of method.md A.4 as it stands there, one sample after the other, in float64."""
    exact = embeddings.astype(np.float64)
    scores = []
    for row, root in enumerate(roots):
        others = [float(exact[row] @ exact[c]) for c in champions if roots[c] != root]
        scores.append(min(1.0, max(0.0, 1.0 - max(others))) if others else 1.0)
    return scores


def docstrings(count: int) -> list[str]:
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (text := ast.get_docstring(node)):
                found[text[:200]] = None
        if len(found) >= count:
            return list(found)[:count]
    raise AssertionError(f"the standard library of Python {sys.version} has too few docstrings")


@pytest.fixture(scope="module")
def real_texts(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("embeddings")
    return Embedder(Embedding(device="cpu"), Files(folder), LogProgress(logging.getLogger())).embed(docstrings(TEXTS))


def test_equals_brute_force_on_real_texts_whatever_the_block(real_texts: np.ndarray) -> None:
    roots = np.random.default_rng(7).integers(TREES, size=TEXTS)
    champions = np.array([np.flatnonzero(roots == root)[0] for root in np.unique(roots)])
    expected = brute_force(real_texts, roots, champions)
    for block in (1, 1000, 1 << 25):
        scores, nearest = diversity(real_texts, roots, champions, block=block)
        assert scores.dtype == np.float64
        assert nearest.dtype == np.int64
        assert scores == pytest.approx(expected, abs=1e-5)
        assert np.all(roots[nearest] != roots)
        similarity = np.einsum("nd,nd->n", real_texts, real_texts[nearest], dtype=np.float64)
        assert 1.0 - similarity == pytest.approx(scores, abs=1e-5)


def test_one_tree_has_nothing_to_resemble(real_texts: np.ndarray) -> None:
    scores, nearest = diversity(real_texts[:5], np.zeros(5, dtype=int), np.array([3]))
    assert scores.tolist() == [1.0] * 5
    assert nearest.tolist() == [-1] * 5


def test_with_two_trees_each_is_measured_against_the_other(real_texts: np.ndarray) -> None:
    roots, champions = np.array([0, 0, 1, 1]), np.array([1, 2])
    scores, nearest = diversity(real_texts[:4], roots, champions)
    assert nearest.tolist() == [2, 2, 1, 1]
    assert scores == pytest.approx(brute_force(real_texts[:4], roots, champions), abs=1e-5)


@pytest.mark.parametrize("count", [2, 7, 33])
def test_equal_texts_have_no_diversity_and_the_first_champion_of_another_tree_is_nearest(
    real_texts: np.ndarray, count: int
) -> None:
    scores, nearest = diversity(real_texts[[0] * count], np.arange(count), np.arange(count))
    assert scores == pytest.approx([0.0] * count, abs=1e-6)
    assert np.all(scores >= 0)
    assert nearest.tolist() == [1] + [0] * (count - 1)


def test_opposite_vectors_are_no_farther_than_one() -> None:
    scores, nearest = diversity(np.array([[1, 0], [-1, 0]], dtype=np.float32), np.array([0, 1]), np.array([0, 1]))
    assert scores.tolist() == [1.0, 1.0]
    assert nearest.tolist() == [1, 0]


def test_no_rows_give_no_scores() -> None:
    nothing = np.empty(0, dtype=np.int64)
    scores, nearest = diversity(np.empty((0, 0), dtype=np.float32), nothing, nothing)
    assert (scores.shape, nearest.shape) == ((0,), (0,))


@settings(max_examples=examples(50))
@given(st.data())
def test_equals_brute_force_on_random_vectors(data: st.DataObject) -> None:
    count, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 8))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    embeddings = unit_rows(generator.standard_normal((count, width)))
    roots = np.array(data.draw(st.lists(st.integers(0, 6), min_size=count, max_size=count)))
    champions = np.array(
        [data.draw(st.sampled_from(np.flatnonzero(roots == root).tolist())) for root in np.unique(roots)]
    )
    scores, nearest = diversity(embeddings, roots, champions, block=data.draw(st.integers(1, 200)))
    assert scores == pytest.approx(brute_force(embeddings, roots, champions), abs=1e-5)
    assert np.all((scores >= 0) & (scores <= 1))
    assert set(nearest.tolist()) <= {-1, *champions.tolist()}
    assert np.array_equal(nearest == -1, np.full(count, len(champions) == 1))


def test_a_round_is_compared_with_its_seeds_over_the_same_trees_and_no_more_of_them_than_allowed() -> None:
    asked: list[int] = []

    def falling(trees: np.ndarray) -> np.ndarray:
        """The more trees, the nearer is the nearest: as it is for any texts."""
        asked.append(len(trees))
        return np.full(len(trees), 1 / len(trees))

    ratios = [ratio_to_seeds(np.arange(n), lambda t: falling(t) / 2, falling, 50) for n in (2, 20, 400)]

    assert ratios == pytest.approx([0.5, 0.5, 0.5])
    assert max(asked) == 50


def test_one_tree_and_seeds_that_are_all_alike_cannot_be_compared() -> None:
    assert ratio_to_seeds(np.arange(1), np.ones_like, np.ones_like, 50) is None
    assert ratio_to_seeds(np.arange(0), np.ones_like, np.ones_like, 50) is None
    assert ratio_to_seeds(np.arange(9), np.ones_like, np.zeros_like, 50) is None
