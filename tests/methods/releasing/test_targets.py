"""A release of an exact size covers all roots before it takes the second best of any."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.releasing.targets import spread_best

ROWS = st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 9).map(float)), max_size=30)


def frame(rows: list[tuple[int, float | None]]) -> tuple[pl.DataFrame, pl.Series]:
    columns = {"batch": ["b"] * len(rows), "id": [f"s{n:02}" for n in range(len(rows))], "value": [v for _, v in rows]}
    table = pl.DataFrame(columns, schema={"batch": pl.String, "id": pl.String, "value": pl.Float64})
    return table, pl.Series("root", [f"r{root}" for root, _ in rows], dtype=pl.String)


@given(ROWS, st.integers(1, 40))
def test_exactly_so_many_are_taken_and_spread_as_evenly_as_the_roots_allow(
    rows: list[tuple[int, float | None]], most: int
) -> None:
    table, roots = frame(rows)

    taken = spread_best(table, roots, most)

    assert taken.sum() == min(most, len(rows))
    per_root = pl.DataFrame({"root": roots, "taken": taken}).group_by("root").agg(pl.col("taken").sum(), rows=pl.len())
    fewest = min((n for n, there in per_root.select("taken", "rows").iter_rows() if n < there), default=most)
    assert all(n <= fewest + 1 for n in per_root["taken"])


@given(ROWS, st.integers(1, 40))
def test_of_a_root_the_best_are_taken(rows: list[tuple[int, float | None]], most: int) -> None:
    table, roots = frame(rows)
    told = table.with_columns(root=roots, taken=spread_best(table, roots, most), value=pl.col("value").fill_null(-1.0))

    for _, of_root in told.group_by("root"):
        taken, left = of_root.filter("taken")["value"].to_list(), of_root.filter(~pl.col("taken"))["value"].to_list()
        assert not taken or not left or min(taken) >= max(left)


@given(ROWS, st.integers(1, 40), st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, float | None]], most: int, draw: object) -> None:
    table, roots = frame(rows)
    places = list(range(len(rows)))
    draw.shuffle(places)  # type: ignore[attr-defined]

    shuffled = table[places].filter(spread_best(table[places], roots[places], most))

    assert set(shuffled["id"]) == set(table.filter(spread_best(table, roots, most))["id"])


def of_trees(**sizes: int) -> pl.DataFrame:
    """Rows of trees of three leaves each: two below the value `a`, one below `b`."""
    rows = [
        {
            "batch": tree,
            "id": f"{tree}-{n:03}",
            "value": None,
            "tree": tree,
            "leaf_id": f"{tree}{n % 3}",
            "attributes": [{"dimension": "D", "value": "ab"[n % 3 // 2]}, {"dimension": "E", "value": f"v{n % 3}"}],
        }
        for tree, size in sizes.items()
        for n in range(size)
    ]
    return pl.DataFrame(rows, schema_overrides={"value": pl.Float64})


def test_every_tree_and_every_leaf_gives_its_part() -> None:
    table = of_trees(gsm=90, maths=90, tom=90)

    taken = table.filter(spread_best(table, table["leaf_id"], 30))

    assert dict(taken.group_by("tree").len().iter_rows()) == {"gsm": 10, "maths": 10, "tom": 10}
    assert set(taken.group_by("leaf_id").len()["len"]) <= {3, 4}


def test_few_rows_of_a_tree_come_from_all_its_branches() -> None:
    table = of_trees(gsm=90)

    taken = table.filter(spread_best(table, table["leaf_id"], 2))

    assert {row[0]["value"] for row in taken["attributes"]} == {"a", "b"}


def test_rows_of_a_tree_come_beside_what_evolved_and_not_after_it() -> None:
    trees = of_trees(gsm=60)
    evolved, _ = frame([(n % 6, 5.0) for n in range(60)])
    table = pl.concat([evolved, trees], how="diagonal")
    roots = pl.Series([f"r{n % 6}" for n in range(60)] + trees["leaf_id"].to_list())

    taken = table.filter(spread_best(table, roots, 20))

    assert taken["tree"].null_count() == 10
