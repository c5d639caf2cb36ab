from typing import Any

import polars as pl
import pytest

from evergrow.methods.treesynth.balance import balance_quotas, thin
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.nodes import Split, root
from evergrow.methods.treesynth.router import passed_down, read_route, render_route

SPLIT = Split("Size", ("Small things", "Large things"))


def test_the_choice_is_constrained_to_the_values() -> None:
    rendered = render_route(find_domain("math"), "a text", SPLIT)

    value: Any = (rendered.schema or {})["properties"]
    assert value["value"]["enum"] == ["Small things", "Large things"]


@pytest.mark.parametrize("given_value", ["Large things", "large  thing.", '"Large things"'])
def test_case_space_and_punctuation_of_a_choice_are_forgiven(given_value: str) -> None:
    assert read_route({"why": "", "value": given_value}, SPLIT.values) == 1


@pytest.mark.parametrize("given_answer", [{"value": "Huge"}, {"value": None}, {}, "Large things", {"value": ""}])
def test_any_other_choice_is_refused(given_answer: Any) -> None:
    with pytest.raises(ValueError, match="value"):
        read_route(given_answer, SPLIT.values)


def test_a_list_takes_every_text_without_a_question() -> None:
    below = passed_down(root("t", "d"), Split("Size", ("a", "b"), listed=True))

    assert below is not None
    assert below.path[0].values == ("a", "b")
    assert passed_down(root("t", "d"), SPLIT) is None


def test_quotas_follow_lists_or_an_exact_total() -> None:
    leaves = pl.DataFrame({"id": ["a", "b", "c"], "list_nodes": [0, 1, 2]})

    assert balance_quotas(leaves, None) == {"a": 10, "b": 50, "c": 250}
    assert sum(balance_quotas(leaves, 100).values()) == 100


def test_a_full_leaf_is_thinned_to_its_quota_by_seed() -> None:
    routed = pl.DataFrame({"id": [f"r{n}" for n in range(20)], "leaf_id": ["a"] * 15 + ["b"] * 5})

    once, again, other = (thin(routed, {"a": 6, "b": 9}, seed) for seed in (1, 1, 2))

    kept = once.filter(pl.col("reason").is_null())
    assert dict(kept.group_by("leaf_id").len().iter_rows()) == {"a": 6, "b": 5}
    assert once.equals(again)
    assert not once.equals(other)
    assert set(once["reason"].drop_nulls()) == {"thinned"}
