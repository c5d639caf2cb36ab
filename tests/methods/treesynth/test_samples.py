import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.answering.responses import render_answer
from evergrow.methods.treesynth.domain import Chat, SampleField
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.samples import (
    chat_turns,
    export_record,
    make_sample,
    read_adherence,
    read_samples,
    render_adherence,
    render_write,
    stored_sample,
    told_apart,
)

MATH, TOM, CODE = (find_domain(name) for name in ("math", "simpletom", "code_alpaca"))
STORY = {
    "entities": "Ann, a buyer; a lamp",
    "key_information": "The lamp that Ann found has a broken wire inside its foot.",
    "action": "Ann carries the lamp to the till.",
    "question": "What will Ann most likely do next?",
    "unaware_answer": "pay for the lamp",
    "aware_answer": "put the lamp back on the shelf",
}


def row(sample: Any, **more: object) -> dict[str, Any]:
    known = {"id": "x-1", "tree": "t", "leaf_id": "x", "attributes": [{"dimension": "Kind", "value": "lamps"}]}
    return {**known, "fields": sample.fields, "content": sample.content, "letter": sample.letter, **more}


def test_a_problem_and_its_difficulty_are_separate_fields() -> None:
    written = read_samples({"samples": [{"question": "What is the sum of 1 and 2?", "difficulty": "3"}]}, MATH, 1)

    assert export_record(MATH, row(written.samples[0])) == {"question": "What is the sum of 1 and 2?", "difficulty": 3}


def test_a_sample_that_breaks_a_rule_is_rejected_alone_with_its_reason() -> None:
    given_answer = {
        "samples": [
            {"question": "Too short", "difficulty": 2},
            {"question": "one two three four five", "difficulty": 9},
            {"question": "one two three four five", "difficulty": 2},
        ]
    }

    written = read_samples(given_answer, MATH, 1)

    assert [part.reason for part in written.rejected] == [
        "'question' has 2 words, not 5 to 5000",
        "'difficulty' is no whole number from 1 to 5",
    ]
    assert len(written.samples) == 1


@pytest.mark.parametrize(
    "given_answer", [{}, [], {"samples": []}, {"samples": "x"}, {"samples": [3]}, {"samples": [{"question": "x"}]}]
)
def test_an_answer_without_a_valid_sample_is_refused(given_answer: Any) -> None:
    with pytest.raises(ValueError, match="sample"):
        read_samples(given_answer, MATH, 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=30),
        lambda parts: (
            st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(["samples", "question", "difficulty"]), parts)
        ),
        max_leaves=15,
    )
)
def test_whatever_a_model_writes_is_samples_or_a_refusal(given_answer: Any) -> None:
    try:
        written = read_samples(given_answer, MATH, 1)
    except ValueError:
        return
    assert all(json.loads(sample.fields)["question"] for sample in written.samples)


def test_two_choices_get_letters_at_random_and_the_answer_follows_its_letter() -> None:
    samples = [make_sample(TOM, {**STORY, "entities": str(n)}, 7) for n in range(200)]
    letters = [sample.letter for sample in samples]

    assert 60 < letters.count("A") < 140
    for sample in samples:
        record: Any = export_record(TOM, row(sample))
        assert record["choices"]["text"][record["choices"]["label"].index(record["answerKey"])] == "pay for the lamp"
        assert record["story"] == f"{STORY['key_information']} {STORY['action']}"
        assert record["scenario"] == "Kind: lamps"


def test_an_answer_that_stands_in_the_story_is_refused() -> None:
    with pytest.raises(ValueError, match="'unaware_answer' appears in 'action'"):
        read_samples({"samples": [{**STORY, "unaware_answer": "carries the lamp"}]}, TOM, 1)


def test_an_empty_input_leaves_no_blank_line() -> None:
    sample = make_sample(CODE, {"instruction": "Write a loop that counts.", "input": ""}, 1)

    assert sample.content == "Write a loop that counts."


def test_a_stored_sample_is_told_apart_as_when_it_was_made() -> None:
    sample = make_sample(TOM, STORY, 3)

    stored = stored_sample(TOM, sample.fields, sample.content, sample.letter)

    assert stored == sample
    assert told_apart(stored) == told_apart(sample)


def test_fields_are_never_read_as_templates() -> None:
    sample = make_sample(MATH, {"question": "What does {difficulty} mean in {question}?", "difficulty": 2}, 1)

    assert sample.content == "What does {difficulty} mean in {question}?"


def test_the_request_names_attributes_count_and_what_is_there_already() -> None:
    rendered = render_write(MATH, [Attribute("Field", "Geometry")], 3, ["a known one"])

    assert '"Field": "Geometry"' in rendered.user
    assert '"a known one"' in rendered.user
    schema: Any = (rendered.schema or {})["properties"]
    assert (schema["samples"]["minItems"], schema["samples"]["maxItems"]) == (3, 3)
    assert set(schema["samples"]["items"]["required"]) == {"question", "difficulty"}


def test_what_the_judge_says_is_missing_is_read_by_place() -> None:
    assert read_adherence({"why": "fits", "missing": []}, 2) == (frozenset(), "fits")
    assert read_adherence({"why": "no", "missing": [2, 2]}, 2) == (frozenset({1}), "no")
    unreadable: list[object] = [{"missing": [3]}, {"missing": "1"}, {}, {"missing": [True]}]
    for wrong in unreadable:
        with pytest.raises(ValueError, match="missing"):
            read_adherence(wrong, 2)
    asked = render_adherence(MATH, "text", [Attribute("a", "b"), Attribute("c", "d")], [["e", "f"], []]).user
    assert '1: "a" is "b"\n   rather than "e", "f"\n2: "c" is "d"\n' in asked


def test_a_sample_that_holds_its_answer_is_two_turns_and_one_known_as_text_is_none() -> None:
    reply = SampleField(says="the reply")
    support = find_domain("customer_support")
    chat = Chat(user="{message}", assistant="Hello.\n{reply}")
    dialogues = support.model_copy(
        update={"fields": {**support.fields, "reply": reply}, "chat": chat, "answer": "none"}
    )
    sample = make_sample(dialogues, {"message": "Where is {reply}?", "reply": "On its {way}."}, 1)

    assert chat_turns(dialogues, sample.fields, sample.letter) == ("Where is {reply}?", "Hello.\nOn its {way}.")
    assert chat_turns(dialogues, "", None) is None
    assert chat_turns(support, sample.fields, None) is None


def test_a_choice_is_asked_for_by_the_letters_of_its_sample() -> None:
    sample = make_sample(TOM, STORY, 1)

    assert render_answer("choice", sample.content).user.endswith("Answer: A\nAnswer: B")
    assert sample.letter in ("A", "B")


def test_one_sample_alone_is_asked_for_without_rules_about_several() -> None:
    one, three = (render_write(MATH, [], count).user for count in (1, 3))

    assert "Vary" not in one
    assert "Vary" in three
    assert "Write one competition problem. These rules hold:\n" in one
    assert not any(line.startswith(" ") for line in (one + three).splitlines())


@pytest.mark.parametrize("block", ["def f(:\n    pass", "return 'x", "x = (1,"])
def test_code_that_is_no_code_is_rejected_and_says_where(block: str) -> None:
    given_answer = {"instruction": "Say what this program prints.", "input": f"```python\n{block}\n```"}

    with pytest.raises(ValueError, match="'input' is no Python"):
        read_samples({"samples": [given_answer]}, CODE, 1)


@pytest.mark.parametrize("text", ["```python\ndef f(x):\n    return x\n```", "[1, 2, 3]", "`a = (` is data", ""])
def test_code_that_parses_and_data_of_any_kind_are_inputs(text: str) -> None:
    given_answer = {"instruction": "Say what this program prints.", "input": text}

    assert len(read_samples({"samples": [given_answer]}, CODE, 1).samples) == 1


def test_the_attributes_of_a_story_are_introduced_as_the_reason() -> None:
    assert "the reason why the person does not know" in render_write(TOM, [Attribute("Type", "Counterfeit")], 2).user
    assert "the reason why the person does not know" not in render_write(TOM, [], 2).user
