import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.vectors import (
    NOTHING,
    cosines,
    gram,
    heads,
    nearest,
    principal_axes,
    products,
    reaching,
    similarities,
    whole,
)
from tests.properties import examples


def unit(count: int, width: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, width))
    found: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


@settings(max_examples=examples(30))
@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 300), st.integers(0, 2**32), st.integers(1, 500))
def test_the_nearest_is_that_of_a_product_in_float64_whatever_the_block(
    count: int, others: int, width: int, seed: int, together: int
) -> None:
    first, second = unit(count, width, seed), unit(others, width, seed + 1)
    labels = np.arange(count) % 3, np.arange(others) % 3
    place, similarity = nearest(first, second, labels=labels, together=together)
    product = first.astype(np.float64) @ second.T.astype(np.float64)
    product[labels[0][:, None] == labels[1][None, :]] = -np.inf
    for row in range(count):
        best = product[row].max(initial=-np.inf)
        if best == -np.inf:
            assert (place[row], similarity[row]) == (NOTHING, -np.inf)
        else:
            assert similarity[row] == pytest.approx(best, abs=1e-5)
            assert product[row, place[row]] == pytest.approx(best, abs=1e-5)


@settings(max_examples=examples(30))
@given(st.integers(1, 40), st.integers(1, 100), st.integers(0, 2**32), st.integers(1, 500))
def test_products_of_any_block_are_those_in_float64_but_for_a_row_with_itself(
    count: int, width: int, seed: int, together: int
) -> None:
    vectors = unit(count, width, seed)
    own = np.arange(count)[::-1]
    blocks = list(products(vectors[own], vectors, own=own, together=together))
    assert all(block.numel() <= max(together, count) for _, block in blocks)
    found = np.concatenate([block.numpy() for _, block in blocks])
    exact = vectors[own].astype(np.float64) @ vectors.T.astype(np.float64)
    exact[np.arange(count), own] = -np.inf
    assert found == pytest.approx(exact, abs=1e-5)
    place, similarity = nearest(vectors, vectors, own=np.arange(count), together=together)
    assert similarity == pytest.approx(exact[::-1].max(axis=1), abs=1e-5)
    assert (place != np.arange(count)).all()


def test_pairs_of_whole_vectors_are_those_of_the_product() -> None:
    vectors = unit(120, 32, 4)
    first, second = reaching(whole(vectors, "cpu"), whole(vectors[:50], "cpu"), 0.3)
    product = vectors.astype(np.float64) @ vectors[:50].T.astype(np.float64)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) >= set(zip(*np.nonzero(product >= 0.3), strict=True))
    assert (product[first, second] > 0.299).all()


def test_the_first_of_equals_is_the_nearest() -> None:
    same = np.repeat(unit(3, 64, 5), 40, axis=0)
    assert nearest(same, same)[0].tolist() == [0] * 40 + [40] * 40 + [80] * 40


def test_no_pair_that_reaches_the_threshold_is_missed() -> None:
    vectors = unit(400, 128, 1)
    vectors[200:] = vectors[:200] + 0.3 * unit(200, 128, 2)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    turned = heads(vectors, principal_axes(vectors), "cpu")
    first, second = reaching(turned, turned, 0.9)
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    product = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    assert found >= set(zip(*(part.tolist() for part in np.nonzero(product >= 0.9)), strict=True))
    assert len(found) < product.size / 10
    assert cosines(vectors, vectors, first, second) == pytest.approx(product[first, second], abs=1e-6)


def test_products_of_many_small_groups_are_those_of_each() -> None:
    groups = unit(60, 32, 3).reshape(6, 10, 32)
    assert similarities(groups, groups) == pytest.approx(np.einsum("gid,gjd->gij", groups, groups), abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_products_of_columns_are_those_in_float64(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evergrow.methods.vectors.TOGETHER", 2 * 7 * 6)  # six rows at a time
    vectors = unit(rows, 7, 0)
    exact = vectors.astype(np.float64).T @ vectors.astype(np.float64)
    assert gram(vectors) == pytest.approx(exact, abs=1e-12)


def test_matrices_are_multiplied_in_one_module() -> None:
    root = Path(__file__).parents[2]
    files = [path for name in ("methods", "resources", "assets", "flows") for path in (root / name).rglob("*.py")]
    found = {
        str(path.relative_to(root))
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    }
    # Distances that are summed or weighed are one row each, and the forecast times a product of this processor.
    assert found == {"methods/vectors.py", "methods/measures/distances.py", "resources/embedding/vector_forecast.py"}
