from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.balance import balance_quotas, thin
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.nodes import PATH, Split, root
from evergrow.methods.treesynth.router import passed_down, read_route, render_route

SPLIT = Split("Size", ("Small things", "Large things"))


def test_the_choice_is_constrained_to_the_values() -> None:
    rendered = render_route(find_domain("math"), "a text", SPLIT)

    value: Any = (rendered.schema or {})["properties"]
    assert value["value"]["enum"] == ["Small things", "Large things", "none fits"]


@pytest.mark.parametrize("given_value", ["Large things", "large  thing.", '"Large things"'])
def test_case_space_and_punctuation_of_a_choice_are_forgiven(given_value: str) -> None:
    assert read_route({"why": "", "value": given_value}, SPLIT.values) == 1


@pytest.mark.parametrize("given_answer", [{"value": "Huge"}, {"value": None}, {}, "Large things", {"value": ""}])
def test_any_other_choice_is_refused(given_answer: Any) -> None:
    with pytest.raises(ValueError, match="value"):
        read_route(given_answer, SPLIT.values)


def test_a_text_that_has_none_of_the_values_can_be_said_to() -> None:
    assert read_route({"why": "it is a colour", "value": "None fits."}, SPLIT.values) is None
    assert '"none fits"' in render_route(find_domain("math"), "a text", SPLIT).user


def test_a_list_takes_every_text_without_a_question() -> None:
    below = passed_down(root("t", "d"), Split("Size", ("a", "b"), listed=True))

    assert below is not None
    assert below.path[0].values == ("a", "b")
    assert passed_down(root("t", "d"), SPLIT) is None


def leaves_of(*list_nodes: int) -> pl.DataFrame:
    """Leaves a, b, c, ... below one dimension."""
    rows = [
        {
            "id": "abcdefghijklmnopqrstuvwxyz"[place],
            "parent_id": "top",
            "place": place,
            "path": [{"dimension": "Size", "values": [f"v{place:02}"]}],
            "list_nodes": lists,
        }
        for place, lists in enumerate(list_nodes)
    ]
    return pl.DataFrame(rows, schema_overrides={"path": PATH})


def test_quotas_follow_lists_or_an_exact_total() -> None:
    leaves = leaves_of(0, 1, 2)

    assert balance_quotas(leaves, {}, None) == {"a": 10, "b": 50, "c": 250}
    assert sum(balance_quotas(leaves, {}, 100).values()) == 100


def test_with_fewer_places_than_leaves_rows_of_the_dataset_come_first() -> None:
    leaves = leaves_of(*[0] * 20)

    quotas = balance_quotas(leaves, {"b": 1, "k": 30, "t": 2}, 8)

    assert (quotas["b"], quotas["k"], quotas["t"]) == (1, 1, 1)
    assert sorted(quotas.values()) == [0] * 12 + [1] * 8
    assert set(balance_quotas(leaves, {"b": 1, "k": 30, "t": 2}, 2)) >= {"b", "k", "t"}
    assert sum(n for leaf, n in balance_quotas(leaves, {"b": 1, "k": 30, "t": 2}, 2).items() if leaf in "bkt") == 2


@given(st.lists(st.integers(0, 2), min_size=1, max_size=26), st.data())
def test_no_leaf_that_holds_a_row_is_emptied_while_there_are_places(lists: list[int], data: st.DataObject) -> None:
    leaves = leaves_of(*lists)
    held = {leaf: data.draw(st.integers(0, 3)) for leaf in leaves["id"]}
    rows = data.draw(st.integers(1, 300))

    quotas = balance_quotas(leaves, held, rows)

    assert sum(quotas.values()) == rows
    assert all(share >= 0 for share in quotas.values())
    kept = sum(1 for leaf, share in quotas.items() if held[leaf] and share)
    assert kept == min(rows, sum(1 for count in held.values() if count))


def test_a_full_leaf_is_thinned_to_its_quota_by_seed() -> None:
    routed = pl.DataFrame({"id": [f"r{n}" for n in range(20)], "leaf_id": ["a"] * 15 + ["b"] * 5})

    once, again, other = (thin(routed, {"a": 6, "b": 9}, seed) for seed in (1, 1, 2))

    kept = once.filter(pl.col("reason").is_null())
    assert dict(kept.group_by("leaf_id").len().iter_rows()) == {"a": 6, "b": 5}
    assert once.equals(again)
    assert not once.equals(other)
    assert set(once["reason"].drop_nulls()) == {"thinned"}
