import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.quotas import largest_remainder, natural_target

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=50).filter(any)


@given(weights, st.integers(0, 10**6))
def test_shares_are_exact_and_within_one_of_their_proportion(given_weights: list[int], total: int) -> None:
    shares = largest_remainder(given_weights, total, [str(n) for n in range(len(given_weights))])

    assert sum(shares) == total
    whole = sum(given_weights)
    assert all(abs(share - total * w / whole) < 1 + 1e-6 for share, w in zip(shares, given_weights, strict=True))
    assert all(share == 0 for share, w in zip(shares, given_weights, strict=True) if w == 0)


def test_equal_remainders_go_to_the_smaller_key() -> None:
    assert largest_remainder([1, 1, 1], 4, ["c", "a", "b"]) == [1, 2, 1]


def test_rows_without_a_leaf_cannot_be_shared_out() -> None:
    assert largest_remainder([], 0, []) == []
    with pytest.raises(ValueError, match="there is no leaf"):
        largest_remainder([], 3, [])


def test_a_leafs_own_number_grows_with_the_lists_on_its_path() -> None:
    assert [natural_target(k, 10, 10) for k in range(4)] == [10, 100, 1_000, 10_000]
    assert natural_target(30, 10, 10) == 10**9
