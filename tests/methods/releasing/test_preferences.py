from typing import Any

import polars as pl

from evergrow.methods.quality.rules import CleaningRules
from evergrow.methods.releasing.preferences import preference_pairs, private_pairs, unpaired

DRAW = pl.Struct({"text": pl.String(), "final": pl.String()})
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "batch", "root_id", "parent_id", "content", "response", "final_answer", "task"), pl.String),
    "draws": pl.List(DRAW),
    "complexity": pl.Float64,
    "split": pl.String,
    "license": pl.String,
}
DIFFER = {"maths": lambda one, other: one != other}


def draw(final: str | None) -> dict[str, str | None]:
    return {"text": f"It is {final}.", "final": final}


def row(id_: str, finals: list[str | None], **told: Any) -> dict[str, Any]:
    usual = {
        "id": id_, "batch": "b", "root_id": "r", "parent_id": None, "content": f"Ask {id_}", "response": "It is 4.",
        "final_answer": "4", "task": "maths", "draws": [draw(final) for final in finals], "complexity": 3.0,
        "split": "train", "license": "MIT",
    }  # fmt: skip
    return usual | told


def pairs(*rows: dict[str, Any], agreement: float = 0.2, complexity: float = 1.0) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema=SCHEMA)
    return preference_pairs(table, DIFFER, min_agreement_gap=agreement, min_complexity_gap=complexity)


def test_a_draw_that_ends_otherwise_is_the_worse_one_once_for_each_ending() -> None:
    found = pairs(row("a", ["4", "5", "4", "4", "6", None]))

    assert found["rejected"].list.first().struct.field("content").to_list() == ["It is 5.", "It is 6."]
    assert found["chosen"].list.first().struct.field("content").to_list() == ["It is 4."] * 2
    assert found["rejected_score"].to_list() == [0.2, 0.2]  # of five usable draws
    assert found["gap"].round(6).to_list() == [0.4, 0.4]
    assert found["pair_source"].unique().to_list() == ["draws"]


def test_pairs_below_the_gap_are_no_pairs() -> None:
    assert pairs(row("a", ["4", "5", "4", "5"])).is_empty()
    assert pairs(row("a", ["4", "4", "4"])).is_empty()
    assert pairs(row("a", ["4", "5", "4"], task="text")).is_empty()


def test_the_answer_to_the_parent_is_worse_where_the_task_is_enough_harder() -> None:
    parent, child = row("a", [], response="Simple."), row("a_0", [], parent_id="a", response="Full.", complexity=5.5)

    found = pairs(parent, child)

    assert found.select("id", "pair_source", "rejected_id", "gap").rows() == [("a_0^", "parent", "a", 2.5)]
    assert found["prompt"][0].to_list() == [{"role": "user", "content": "Ask a_0"}]
    assert pairs(parent, child, complexity=3.0).is_empty()
    assert pairs(parent, {**child, "response": "Simple."}).is_empty()


def test_answers_that_differ_by_the_thoughts_before_them_alone_are_no_pair() -> None:
    thinking = {"response": "<think>\nEasy.\n</think>\n\nFull."}
    rows = [row("a", [], **thinking), row("a_0", [], parent_id="a", response="Full.", complexity=5.5)]
    table = pl.DataFrame(rows, schema=SCHEMA).with_columns(answer=pl.lit("Full."))

    assert preference_pairs(table, DIFFER, min_agreement_gap=0.2, min_complexity_gap=1.0).is_empty()
    assert pairs(*rows).height == 1


def test_unpaired_answers_have_a_label_and_stand_once() -> None:
    found = unpaired(pairs(row("a", ["4", "4", "4", "5", "6"])))

    assert found.columns[:3] == ["prompt", "completion", "label"]
    assert found["label"].to_list() == [True, False, False]
    assert found["id"].is_unique().all()


def test_a_worse_answer_with_a_secret_is_told_by_the_rules_of_its_batch() -> None:
    leaky = {"text": "It is 5, says mail@jane-doe.org of 203.0.113.9 with key ghp_" + "a1B2c3D4e5F6" * 3, "final": "5"}
    found = pairs(
        row("a", [], draws=[draw("4"), draw("4"), leaky, draw("6")]),
        row("b", [], batch="lax", draws=[draw("4"), draw("4"), leaky]),
    )
    rules = {"b": CleaningRules(), "lax": CleaningRules(secrets=False, personal_data=False)}

    assert found.select("batch", "id", private=private_pairs(found, rules)).rows() == [
        ("b", "a#0", True), ("b", "a#1", False), ("lax", "b#0", False)
    ]  # fmt: skip
    assert private_pairs(found.clear(), rules).is_empty()
