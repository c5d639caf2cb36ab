import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.evenness import balance, histogram

counts = st.lists(st.integers(0, 500), min_size=1, max_size=60)


def test_equal_leaves_are_balanced_and_a_single_full_one_is_not() -> None:
    even, uneven = balance([5, 5, 5, 5]), balance([20, 0, 0, 0])

    assert [even.entropy, even.gini, even.empty] == pytest.approx([1.0, 0.0, 0])
    assert [uneven.entropy, uneven.gini, uneven.empty] == pytest.approx([0.0, 0.75, 3])


@given(counts)
def test_measures_stay_on_their_scales(given_counts: list[int]) -> None:
    found = balance(given_counts)

    assert 0 <= found.entropy <= found.entropy_ceiling + 1e-9 <= 1 + 1e-9
    assert 0 <= found.gini < 1
    assert found.rows == sum(given_counts)
    assert balance(sorted(given_counts)) == found


@given(counts)
def test_a_histogram_counts_every_leaf_once(given_counts: list[int]) -> None:
    bins = histogram(given_counts)

    assert sum(leaves for _, _, leaves in bins) == len(given_counts)
    assert len(bins) <= 10
