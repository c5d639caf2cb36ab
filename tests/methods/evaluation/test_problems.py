import base64
import json
import os
import pickle
import zlib
from typing import Any

import pytest

from evergrow.methods.evaluation.problems import StatedPlace, UnknownForm, first_place, read_problem, stated_place
from evergrow.methods.evaluation.stdin_tests import UnreadableCases

CASES = [{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}]


def packed(value: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"question": "2 eggs and 3?", "answer": "2 + 3 = 5\n#### 5"}, "5"),
        ({"problem": "Solve.", "solution": "So $\\boxed{\\frac{1}{2}}$."}, "\\frac{1}{2}"),
        ({"problem": "Solve.", "answer": "\\sqrt{2}"}, "\\sqrt{2}"),
        ({"prompt": "How many?", "answer": 7}, "7"),
    ],
)
def test_final_answers_of_mathematics_are_found(row: dict[str, Any], answer: str) -> None:
    found = read_problem(row, 3, "gsm8k")

    assert (found.kind, found.answer, found.id) == ("maths", answer, "3")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Which?", "choices": ["sun", "moon", "sea"], "answer": 1},
        {"question": "Which?", "choices": {"text": ["sun", "moon"], "label": ["1", "2"]}, "answerKey": "2"},
        {"question": "Which?", "options": ["sun", "moon"], "answer": "B"},
        {"question": "Which?\n(A) sun\n(B) moon", "answer": "(B)"},
        {"question": "Which?", "A": "sun", "B": "moon", "C": None, "answer": "b"},
        {"question": "Which?", "choices": '["sun", "moon"]', "answer": "moon"},
        {"Question": "Which?", "Options": ["sun", "moon"], "Label": "1"},
    ],
)
def test_choices_have_options_and_a_letter(row: dict[str, Any]) -> None:
    found = read_problem(row, 1, "arc")

    assert (found.kind, found.answer) == ("choice", "B")
    assert "(B) moon" in found.question


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Add.", "test_list": "['assert add(1, 2) == 3']"},
        {"text": "Add.", "test_list": '"assert add(1, 2) == 3"'},
        {"question": "Which?", "options": "a) sun, b) moon", "answer": "b"},
    ],
)
def test_a_text_in_place_of_a_list_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(UnknownForm, match="is no list"):
        read_problem(row, 1, "mbpp")


@pytest.mark.parametrize(("choices", "answer"), [(["1", "2", "3"], "2"), (["b", "a"], "a")])
def test_an_answer_that_is_one_choice_by_its_place_and_another_by_its_text_is_refused(
    choices: list[str], answer: str
) -> None:
    with pytest.raises(UnknownForm, match="may mean the choice"):
        read_problem({"question": "Which?", "choices": choices, "answer": answer}, 1, "x")


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        ({"choices": ["1", "2", "3"], "answer": 2}, "C"),  # a number is a place, as MMLU has it
        ({"choices": [1, 2, 3], "answer": 2}, "B"),  # and among numbers the one that it equals
        ({"choices": "[1, 2, 3]", "answer": 3}, "C"),
        ({"choices": [10, 20, 30], "answer": 20}, "B"),
        ({"choices": [10, 20, 30], "answer": 2}, "C"),
        ({"choices": [0.5, 1, 1.5], "answer": 1.0}, "B"),
        ({"choices": [1, 1, 2], "answer": 1}, "B"),  # two are equal: a place
        ({"choices": [1, 2, "many"], "answer": 1}, "B"),
        ({"a": 1, "b": 2, "c": 3, "answer": 1}, "A"),
        ({"choices": ["3", "4", "5"], "answer": "4"}, "B"),
        ({"choices": ["0", "1", "2"], "answer": "1"}, "B"),
        ({"choices": {"text": ["2", "1"], "label": ["1", "2"]}, "answerKey": "1"}, "A"),
    ],
)
def test_numbers_among_numbers_are_told_apart(row: dict[str, Any], letter: str) -> None:
    assert read_problem({"question": "Which?", **row}, 1, "x").answer == letter


def test_mbpp_shows_its_tests_and_runs_them_after_its_imports() -> None:
    row = {"task_id": 2, "text": "Add.", "test_list": ["assert add(1, 2) == 3"], "test_imports": ["import math"]}
    found = read_problem(row, 1, "mbpp")

    assert found.id == "2"
    assert "assert add(1, 2) == 3" in found.question
    assert found.tests == ("import math\nassert add(1, 2) == 3",)
    assert found.timeout_s == 3.0


@pytest.mark.parametrize("private", [json.dumps(CASES), packed(json.dumps(CASES))])
def test_private_cases_are_read_plain_and_packed(private: str) -> None:
    row = {"question_id": "q", "question_content": "Add.", "public_test_cases": "[]", "private_test_cases": private}
    found = read_problem(row, 1, "LiveCodeBench")

    assert found.by_stdin
    assert len(found.tests) == 1


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.getenv, ("HOME",)


def test_packed_cases_that_would_run_code_are_refused() -> None:
    with pytest.raises(UnreadableCases, match="only plain values"):
        read_problem({"question_content": "Add.", "private_test_cases": packed(Evil())}, 1, "lcb")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"name": "x"}, "no question"),
        ({"question": "What?"}, "no answer"),
        ({"question": "Roots?", "answer": ["2", "-2"]}, "`answer` is a list or an object"),
        ({"question": "Which?", "choices": ["a", "b"], "answer": "E"}, "no answer among A, B"),
    ],
)
def test_a_row_of_no_known_form_says_what_it_lacks(row: dict[str, Any], says: str) -> None:
    with pytest.raises(UnknownForm, match=says):
        read_problem(row, 1, "x")


@pytest.mark.parametrize(
    ("row", "begins"),
    [
        ({"context": ["It rains.", "It pours."], "question": "How much?", "answer": "9"}, "It rains.\n\nIt pours."),
        ({"passage": "It rains.", "question": "Is it wet?", "answer": True}, "It rains.\n\nIs it wet?\n(A) yes"),
        ({"Context": "Ann has 3.", "Question": "How many?", "answer": "3"}, "Ann has 3.\n\nHow many?"),
        (
            {"article": "A long one.", "question": "Who?", "options": ["he", "she"], "answer": "B"},
            "A long one.\n\nWho?\n(A)",
        ),
        (
            {"Body": "2 hens, 3 cocks.", "Question": "Sum?", "Answer": 5.0, "context": ""},
            "2 hens, 3 cocks.\n\nSum?",
        ),
    ],
)
def test_what_a_question_is_about_is_read_before_it(row: dict[str, Any], begins: str) -> None:
    assert read_problem(row, 1, "boolq").question.startswith(begins)


def test_a_context_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnknownForm, match="`context`, which is read before the question, is no text"):
        read_problem({"context": {"title": ["a"]}, "question": "Who?", "answer": "he"}, 1, "hotpot")


@pytest.mark.parametrize(("stated", "letter"), [(True, "A"), (False, "B")])
def test_an_answer_that_is_true_or_false_is_a_choice(stated: bool, letter: str) -> None:
    found = read_problem({"question": "Is it wet?", "answer": stated}, 1, "boolq")

    assert (found.kind, found.answer) == ("choice", letter)


def places(*stated: object) -> list[dict[str, Any]]:
    return [{"question": "Which?", "choices": ["sun", "moon", "sea"], "answer": one} for one in stated]


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        (places(1, 2, 0), 0),
        (places("1", "2", "3"), 1),
        (places(1, 2), None),
        (places(0, 3), None),  # nobody can be right about both
        (places("sea", "B"), None),
        ([{"question": "Which?", "choices": ["1", "2", "3"], "answer": "3"}], None),  # a text, not a place
        ([{"question": "Which?", "choices": [1, 2, 3], "answer": 3}], None),  # either
        ([{"question": "Which?\n(A) sun\n(B) moon", "answer": 2}], 1),
        ([{"question": "Which?\n(A) sun\n(B) moon", "answer": 7}], None),  # the result of something
        ([{"question": "What?", "answer": 3}], None),
    ],
)
def test_a_file_tells_from_where_its_places_count(rows: list[dict[str, Any]], first: int | None) -> None:
    assert first_place(rows) == first


def test_a_place_counts_from_the_first() -> None:
    [row] = places(3)

    assert stated_place(row) == StatedPlace(3, 3)
    assert read_problem(row, 1, "x", first=1).answer == "C"
    with pytest.raises(UnknownForm, match="no answer among A, B, C"):
        read_problem(row, 1, "x")
    with pytest.raises(UnknownForm, match="no answer among"):
        read_problem(places(0)[0], 1, "x", first=1)


def test_a_list_in_a_passage_makes_no_choice_of_a_number() -> None:
    body = "There are kinds:\n(A) cats\n(B) dogs\n(C) bats"

    counted = read_problem({"body": body, "question": "How many are pets?", "answer": 2}, 1, "own")
    chosen = read_problem({"body": body, "question": "Which fly?", "answer": "C"}, 2, "own")

    assert (counted.kind, counted.answer) == ("maths", "2")
    assert (chosen.kind, chosen.answer) == ("choice", "C")
