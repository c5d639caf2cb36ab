"""Tasks that stand in other columns than `content`: renamed, joined, or taken from conversations; never half."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evergrow.resources.seeds.read import Reading, read_seeds
from evergrow.resources.seeds.source import SeedError, Seeds

ALPACA = [
    {"instruction": "Translate it.", "input": "I wait.", "output": "J'attends."},
    {"instruction": "Translate it.", "input": "She left.", "output": ""},
    {"instruction": "Name a tree.", "input": "", "output": "Oak"},
]
JOINED = ["Translate it.\n\nI wait.", "Translate it.\n\nShe left.", "Name a tree."]


def read(folder: Path, rows: list[dict[str, Any]], **reading: Any) -> Seeds:
    path = folder / "f.json"
    path.write_text(json.dumps(rows))
    return read_seeds(path, 1_000, Reading(**reading))


def refusal(folder: Path, rows: list[dict[str, Any]], **reading: Any) -> str:
    with pytest.raises(SeedError) as caught:
        read(folder, rows, **reading)
    return str(caught.value)


def test_alpaca_is_named_and_joined_on_request(tmp_path: Path) -> None:
    assert "add --form alpaca" in refusal(tmp_path, ALPACA)
    frame = read(tmp_path, ALPACA, form="alpaca").frame
    assert frame["content"].to_list() == JOINED
    assert {"instruction", "input", "output"} <= set(frame.columns)


@pytest.mark.parametrize("name", ["content", "task"])
def test_an_input_is_never_dropped_unasked(tmp_path: Path, name: str) -> None:
    rows = [{name: row["instruction"], "input": row["input"], "output": row["output"]} for row in ALPACA]
    column = None if name == "content" else name

    said = refusal(tmp_path, rows, column=column)
    assert "looks like Alpaca: 2 rows, the first of them row 1" in said
    assert read(tmp_path, rows, column=column, form="alpaca").frame["content"].to_list() == JOINED
    alone = read(tmp_path, rows, column=column, form="columns")
    assert alone.frame["content"].to_list() == ["Translate it.", "Name a tree."]
    assert "1 row left out" in alone.notes[0]


MESSAGES: list[list[dict[str, Any]]] = [
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "!"},
    ],
    [
        {"role": "user", "content": [{"type": "text", "text": "Look."}]},
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "A tree."},
        {"role": "user", "content": "Sure?"},
    ],
]
SHAREGPT = [[{"from": turn["role"].replace("user", "human"), "value": turn["content"]} for turn in MESSAGES[0]]]


def test_the_users_first_turn_of_a_conversation_is_taken_and_the_rest_kept(tmp_path: Path) -> None:
    rows = [{"id": n, "messages": turns} for n, turns in enumerate(MESSAGES)]

    assert "add --form messages" in refusal(tmp_path, rows)
    found = read(tmp_path, rows, form="messages")
    assert found.frame["content"].to_list() == ["Hi?", "Look.\n\nWhat is it?"]
    assert [json.loads(turns) for turns in found.frame["messages"]] == MESSAGES
    assert "1 conversations go on after the first answer" in " ".join(found.notes)


def test_sharegpt_and_typed_columns_are_read_likewise(tmp_path: Path) -> None:
    assert "add --form sharegpt" in refusal(tmp_path, [{"conversations": SHAREGPT[0]}])
    assert read(tmp_path, [{"conversations": SHAREGPT[0]}], form="sharegpt").frame["content"].to_list() == ["Hi?"]
    pl.DataFrame({"dialogue": [MESSAGES[0]]}).write_parquet(tmp_path / "f.parquet")
    reading = Reading(form="messages", column="dialogue")
    assert read_seeds(tmp_path / "f.parquet", 1_000, reading).frame["content"].to_list() == ["Hi?"]


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([{"role": "assistant", "content": "x"}], "has no turn of the user"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "is no text"),
        ([{"from": "human", "value": "x"}], "has a turn without `role`"),
        ("{", "is no list of turns"),
        ({"a": 1}, "is no list of turns"),
    ],
)
def test_a_conversation_without_a_seed_is_named_by_row(tmp_path: Path, turns: Any, expected: str) -> None:
    said = refusal(tmp_path, [{"messages": MESSAGES[0]}, {"messages": turns}], form="messages")

    assert "row 2: `messages` " in said
    assert expected in said


def test_columns_of_other_names_stand_for_content_and_id(tmp_path: Path) -> None:
    rows = [
        {"key": 7, "id": "x", "text": "A", "content": "old"},
        {"key": 8, "id": "y", "text": "B", "content": "older"},
    ]
    frame = read(tmp_path, rows, column="text", id_column="key").frame

    assert frame.select("seed_id", "content").rows() == [("7", "A"), ("8", "B")]
    assert {"x", "old"} <= {str(value) for value in frame.row(0)}
    assert "has no column 'nope', only" in refusal(tmp_path, rows, column="nope")
    assert "has no column 'nope', only" in refusal(tmp_path, rows, id_column="nope")


def test_a_kind_can_be_stated_for_all(tmp_path: Path) -> None:
    rows = [{"content": "x = 1"}, {"content": "Hi.", "kind": "code"}]

    assert read(tmp_path, rows, kind="question").frame["kind"].to_list() == ["question", "code"]
