import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.releasing.formats import FORMS, NO_ANSWER, NO_ANSWER_NEEDED, NO_INSTRUCTION, shape
from tests.releases import row, table


def test_chat_is_the_instruction_and_the_answer_and_then_what_explains_them() -> None:
    shaped = shape(table(row(1)), "chat")

    told = shaped.rows.to_dicts()[0]
    assert told["messages"] == [{"role": "user", "content": "Do 1"}, {"role": "assistant", "content": "Done 1"}]
    assert next(iter(told)) == "messages"
    explaining = {"id", "batch", "root_id", "parent_id", "complexity", "diversity", "value", "verdict", "license"}
    assert explaining | {"generator_model", "judge_model"} <= set(told)
    assert not {"tree", "responder_model"} & set(told)  # no row has them
    assert not {"content", "response"} & set(told)


def test_alpaca_and_sharegpt_have_the_columns_of_their_trainers() -> None:
    alpaca = shape(table(row(1)), "alpaca").rows.to_dicts()[0]
    sharegpt = shape(table(row(1)), "sharegpt").rows.to_dicts()[0]

    assert list(alpaca)[:3] == ["instruction", "input", "output"]
    assert (alpaca["instruction"], alpaca["input"], alpaca["output"]) == ("Do 1", "", "Done 1")
    assert sharegpt["conversations"] == [{"from": "human", "value": "Do 1"}, {"from": "gpt", "value": "Done 1"}]


def test_rows_without_both_turns_are_left_out_of_dialogue_and_counted() -> None:
    rows = table(
        row(1), row(2, response=None), row(3, response=" \n"), row(4, task="none", response=None), row(5, content="")
    )

    for form in ("chat", "alpaca", "sharegpt"):
        shaped = shape(rows, form)
        assert shaped.rows["id"].to_list() == ["s1_0"]
        assert shaped.left_out == {NO_ANSWER: 2, NO_ANSWER_NEEDED: 1, NO_INSTRUCTION: 1}
    assert shape(rows, "parquet").rows.height == 5
    assert shape(rows, "parquet").left_out == {}


def test_a_task_without_answers_that_has_one_is_a_dialogue() -> None:
    assert shape(table(row(1, task="none")), "chat").rows.height == 1


def test_rows_may_lack_answers_and_tasks_altogether() -> None:
    shaped = shape(table(row(1), row(2)).drop("response", "task"), "chat")

    assert shaped.rows.is_empty()
    assert shaped.left_out == {NO_ANSWER: 2}


@given(st.permutations([("a", "s2_0"), ("a", "s10_0"), ("a", "s10_0_2"), ("a", "s10_0_11"), ("b", "s1_0"), ("b", "x")]))
def test_rows_are_ordered_by_batch_and_then_by_the_numbers_in_their_ids(keys: list[tuple[str, str]]) -> None:
    rows = table(*(row(n, batch=batch, id=name) for n, (batch, name) in enumerate(keys)))

    for form in FORMS:
        found = shape(rows, form).rows.select("batch", "id").rows()
        assert found == [
            ("a", "s2_0"), ("a", "s10_0"), ("a", "s10_0_2"), ("a", "s10_0_11"), ("b", "s1_0"), ("b", "x")
        ]  # fmt: skip


def test_columns_have_plain_types() -> None:
    rows = table(row(1)).with_columns(
        half=pl.lit(0.1, pl.Float32),
        word=pl.lit("w", pl.Categorical),
        day=pl.date(2026, 1, 2),
        nothings=pl.lit([None]),
    )

    told = shape(rows, "parquet").rows

    assert told.schema["half"] == pl.Float64
    assert told.select("word", "day").row(0) == ("w", "2026-01-02")
    assert told.schema["nothings"] == pl.List(pl.String)
    assert {told.schema[name] for name in ("word", "day")} == {pl.String}


def test_a_column_that_no_row_has_a_value_of_stays_out_and_is_named() -> None:
    rows = table(row(1), row(2, tree="t")).with_columns(nan=pl.lit(float("nan")), nothing=pl.lit(None))

    shaped = shape(rows, "parquet")

    assert {"nan", "nothing", "leaf_id"} <= set(shaped.silent)
    assert shaped.rows["tree"].to_list() == [None, "t"]
    assert all(shaped.rows[name].count() for name in shaped.rows.columns)


def test_of_json_lines_a_column_stays_out_that_is_silent_in_a_whole_split() -> None:
    rows = table(row(1, tree="t"), row(2, tree="t", split="test"), row(3, tree="t", leaf_id="l"))

    assert shape(rows, "chat").silent == shape(rows, "sharegpt").silent
    assert "leaf_id" in shape(rows, "chat").silent
    assert "tree" in shape(rows, "chat").rows.columns
    assert "leaf_id" in shape(rows, "parquet").rows.columns


def test_what_is_compared_with_a_release_has_the_columns_of_that_release() -> None:
    written = shape(table(row(1, tree="t"), row(2)), "parquet")

    compared = shape(table(row(2)), "parquet", columns=written.rows.columns)

    assert compared.rows.columns == written.rows.columns


def test_instructions_are_dialogues_of_one_turn_and_have_no_other_forms() -> None:
    rows = table(row(1, response=None), row(2, response=None))

    told = shape(rows, "chat", answered=False)

    assert told.rows["messages"].to_list() == [[{"role": "user", "content": f"Do {n}"}] for n in (1, 2)]
    assert not told.left_out
    with pytest.raises(ValueError, match="no form 'alpaca', only chat and parquet"):
        shape(rows, "alpaca", answered=False)


def test_thoughts_stand_before_an_answer_only_where_that_is_asked_for() -> None:
    rows = table(row(1), row(2), row(3)).with_columns(response_reasoning=pl.Series([" Hm. ", " ", None]))
    plain, thinking = shape(rows, "chat"), shape(rows, "chat", reasoning=True)
    said = [[turn["content"] for turn in told["messages"]][1] for told in thinking.rows.to_dicts()]

    assert plain.rows["messages"].list.last().struct.field("content").to_list() == ["Done 1", "Done 2", "Done 3"]
    assert plain.rows["response_reasoning"].to_list() == [" Hm. ", " ", None]
    assert said == ["<think>\nHm.\n</think>\n\nDone 1", "Done 2", "Done 3"]
    assert "response_reasoning" not in thinking.rows.columns
    assert shape(rows, "parquet", reasoning=True).rows["response"].to_list() == ["Done 1", "Done 2", "Done 3"]
