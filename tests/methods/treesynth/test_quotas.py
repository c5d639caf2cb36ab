import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.quotas import largest_remainder, natural_target, tree_shares

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


trees = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("abc"), st.sampled_from("abcdefgh")),
    min_size=1,
    max_size=80,
    unique=True,
)


@given(trees, st.data(), st.integers(0, 500))
def test_a_tree_shares_out_exactly_and_each_leaf_gets_its_proportion_but_for_one(
    paths: list[tuple[str, ...]], data: st.DataObject, total: int
) -> None:
    given_weights = data.draw(st.lists(st.integers(1, 50), min_size=len(paths), max_size=len(paths)))

    shares = tree_shares(paths, given_weights, total)

    assert sum(shares) == total
    whole = sum(given_weights)
    assert all(abs(share - total * w / whole) < 1 + 1e-6 for share, w in zip(shares, given_weights, strict=True))


@given(trees, st.randoms(use_true_random=False), st.integers(0, 80))
def test_the_order_of_leaves_changes_no_share(paths: list[tuple[str, ...]], draw: random.Random, total: int) -> None:
    mixed = draw.sample(paths, len(paths))

    once = dict(zip(paths, tree_shares(paths, [1] * len(paths), total), strict=True))
    again = dict(zip(mixed, tree_shares(mixed, [1] * len(paths), total), strict=True))

    assert once == again


def test_fewer_rows_than_leaves_come_from_every_value_of_the_first_dimension_then_of_the_second() -> None:
    """99 leaves below 11 values, one of them with 40 leaves and one with a single one."""
    sizes = {"a": 40, "b": 1, **dict.fromkeys("cdefghijk", 6), "l": 4}
    paths = [(value, f"x{n % 3}", str(n)) for value, size in sizes.items() for n in range(size)]

    rows: Counter[str | tuple[str, str]] = Counter()
    for path, share in zip(paths, tree_shares(paths, [1] * len(paths), 24), strict=True):
        rows[path[0]] += share
        rows[path[:2]] += share

    assert rows["b"] == 1
    assert all(rows[value] in {1, 2} for value in "cdefghijk")
    assert 8 <= rows["a"] <= 10
    assert {rows["a", f"x{n}"] for n in range(3)} <= {2, 3, 4}


@pytest.mark.parametrize("total", [10, 30, 150])
def test_few_rows_know_every_value_of_every_dimension(total: int) -> None:
    paths = [(f"a{n}", f"b{m}") for n in range(10) for m in range(10)]

    rows = Counter[str]()
    for path, share in zip(paths, tree_shares(paths, [1] * len(paths), total), strict=True):
        rows.update(dict.fromkeys(path, share))

    assert set(rows.values()) == {total // 10}


def test_values_of_one_dimension_do_not_go_in_step_with_those_of_the_one_before() -> None:
    paths = [(f"a{n}", f"b{m}", f"c{o}") for n in range(10) for m in range(10) for o in range(10)]

    chosen = [path for path, share in zip(paths, tree_shares(paths, [1] * len(paths), 100), strict=True) if share]

    assert Counter(path[2] for path in chosen) == {f"c{n}": 10 for n in range(10)}
    assert len({path[1:] for path in chosen}) > 50
