import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.releasing.splits import SPLITS, split

TEXT = pl.String
SCHEMA = {"id": TEXT, "batch": TEXT, "root_id": TEXT, "tree": TEXT, "leaf_id": TEXT}
NAMES = st.sampled_from(["0", "1", "2", "10", "a", "é", ""])
PLACES = st.one_of(st.none(), NAMES)
ROWS = st.lists(st.tuples(NAMES, NAMES, PLACES, PLACES, PLACES), max_size=30)


def rows(*given_rows: tuple[str | None, ...]) -> pl.DataFrame:
    return pl.DataFrame(given_rows, SCHEMA, orient="row")


def roots(count: int, first: int = 0) -> pl.DataFrame:
    return rows(*((f"r{n}_0", "b", f"r{n}", None, None) for n in range(first, first + count)))


@given(ROWS, st.integers(0, 5))
def test_rows_of_one_root_or_of_one_leaf_never_straddle(given_rows: list[tuple[str | None, ...]], seed: int) -> None:
    frame = rows(*given_rows)
    told = frame.with_columns(split(frame, 0.3, 0.3, seed), root=pl.coalesce("root_id", "id"))

    assert told["split"].is_in(SPLITS).all()
    assert told.group_by("root").agg(n=pl.col("split").n_unique()).filter(pl.col("n") > 1).is_empty()
    leaves = told.drop_nulls(["tree", "leaf_id"]).group_by("tree", "leaf_id")
    assert leaves.agg(n=pl.col("split").n_unique()).filter(pl.col("n") > 1).is_empty()


@given(st.permutations(list(range(40))), st.integers(0, 3))
def test_the_order_of_rows_does_not_matter(order: list[int], seed: int) -> None:
    frame = roots(40)
    told = split(frame, 0.1, 0.1, seed)

    assert split(frame[order], 0.1, 0.1, seed).to_list() == told[order].to_list()


@given(st.integers(20, 200), st.integers(0, 100))
def test_no_split_is_empty_that_is_due_a_root(count: int, seed: int) -> None:
    assert set(split(roots(count), 0.05, 0.05, seed)) == set(SPLITS)


@given(st.integers(1, 5), st.integers(0, 50))
def test_there_is_always_something_to_train_on(count: int, seed: int) -> None:
    assert "train" in split(roots(count), 0.49, 0.49, seed).to_list()


@given(st.integers(400, 800), st.integers(1, 400), st.integers(0, 20))
def test_added_roots_move_no_root(count: int, more: int, seed: int) -> None:
    before = split(roots(count), 0.1, 0.1, seed)

    after = split(pl.concat([roots(more, first=count), roots(count)]), 0.1, 0.1, seed)

    assert after[more:].to_list() == before.to_list()


def test_shares_are_met_on_average() -> None:
    counts = split(roots(20_000), 0.05, 0.1, seed=42).value_counts()

    found = dict(counts.iter_rows())
    assert 900 < found["validation"] < 1100
    assert 1850 < found["test"] < 2150


def test_another_seed_holds_others_out_and_no_share_holds_nobody_out() -> None:
    frame = roots(500)

    assert split(frame, 0.1, 0.1, 1).to_list() != split(frame, 0.1, 0.1, 2).to_list()
    assert set(split(frame, 0.0, 0.0, 1)) == {"train"}
    assert split(frame.clear(), 0.1, 0.1, 1).to_list() == []


def test_an_evolved_sample_is_with_the_leaf_that_its_seed_came_from() -> None:
    """Also where only some of a root's rows say which leaf it is."""
    leaves = [(f"x{n}", "t", None, "t", f"l{n}") for n in range(60)]
    evolved = [(f"s{n}_0", "b", f"s{n}", None, None) for n in range(60)]
    links = [(f"s{n}", "t", f"s{n}", "t", f"l{n}") for n in range(60)]

    told = split(rows(*leaves, *evolved, *links), 0.2, 0.2, seed=3)

    assert told[:60].to_list() == told[60:120].to_list() == told[120:].to_list()
    assert set(told) == set(SPLITS)


def test_columns_of_trees_may_be_missing() -> None:
    frame = roots(50)

    assert split(frame.drop("tree", "leaf_id"), 0.1, 0.1, 1).to_list() == split(frame, 0.1, 0.1, 1).to_list()
