import polars as pl

from evergrow.methods.treesynth.level_checks import split_checks
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, Split, children, node_row, root

NODE = children(root("t", "d"), Split("Colour", ("red", "blue")))[0]
PIVOT: dict[str, object] = {"fields": "", "content": "x", "attributes": [], "call_id": "c", "model": "m"}


def checked(dimension: str, values: list[str], groups: list[list[int]], *, listed: bool = False) -> dict[str, object]:
    row = {
        **node_row(NODE),
        "state": "inner",
        "split_dimension": dimension,
        "split_values": values,
        "split_listed": listed,
        "split_source": "model",
        "groups": [{"value": v, "pivots": g} for v, g in zip(values, groups, strict=True)],
        "pivots": [PIVOT] * 3,
    }
    return split_checks(pl.DataFrame([row], schema=LEVEL_SCHEMA, orient="row")).row(0, named=True)


def test_a_clean_split_has_no_fault() -> None:
    assert checked("Size", ["small", "large"], [[0, 2], [1]]) == {
        "repeated_values": 0,
        "uncovered_pivots": 0,
        "reused_dimension": 0,
        "fan_out": 2,
    }


def test_each_fault_is_counted() -> None:
    faulty = checked("colours", ["Small", "small.", "large"], [[0], [0], [1]], listed=True)

    assert faulty == {"repeated_values": 1, "uncovered_pivots": 2, "reused_dimension": 1, "fan_out": 1}


def test_a_leaf_has_nothing_to_check() -> None:
    leaf = {**node_row(NODE), "state": "leaf"}

    assert set(split_checks(pl.DataFrame([leaf], schema=LEVEL_SCHEMA, orient="row")).row(0)) == {None}
