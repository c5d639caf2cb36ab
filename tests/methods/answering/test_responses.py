from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.answering.responses import (
    Response,
    answer_prompt,
    read_response,
    render_answer,
    without_thoughts,
)
from evergrow.methods.answering.tasks import Task
from evergrow.methods.text.prompts import fence

ASKED: tuple[Task, ...] = ("code", "maths", "choice", "text")
QUESTION = "What now?\n(A) run\n(B) stay\n(C) ask"
USABLE: dict[Task, tuple[str, str | None]] = {
    "code": ("```python\nx = 1\n```\nIt sets x.", "x = 1"),
    "maths": (r"So $\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
    "choice": ("She knows.\nAnswer: B", "B"),
    "text": ("Dear customer, here you are.", None),
}


def test_every_task_that_needs_an_answer_has_a_prompt_of_its_own_for_plain_text() -> None:
    assert {*ASKED, "none"} == set(get_args(Task))
    assert len({answer_prompt(task).version for task in ASKED}) == len(ASKED)
    assert all(render_answer(task, QUESTION).schema is None for task in ASKED)


@given(st.sampled_from(ASKED), st.text())
def test_the_sample_stands_verbatim_between_two_equal_fences(task: Task, text: str) -> None:
    content = f"{text}\n{QUESTION}".strip()

    _, body, *_ = f"\n{render_answer(task, content).user}\n".split(f"\n{fence(content)}\n")

    assert body == content


def test_a_choice_names_its_options_and_needs_some() -> None:
    assert render_answer("choice", QUESTION).user.endswith("Answer: A\nAnswer: B\nAnswer: C")
    with pytest.raises(ValueError, match="no options"):
        render_answer("choice", "What now?")


@pytest.mark.parametrize("task", ASKED)
def test_a_usable_answer_is_kept_as_it_is(task: Task) -> None:
    text, final = USABLE[task]

    assert read_response(task, f"\n {text} \n", "ABC") == Response(text, final)
    assert read_response(task, f"<think>Answer: A \\boxed{{0}}</think>\n\n{text}", "ABC") == Response(text, final)


@pytest.mark.parametrize(
    ("task", "answer", "message"),
    [
        ("text", None, "no text"),
        ("text", "  \n", "is empty"),
        ("text", "...", "is empty"),
        ("text", "[TODO]", "is empty"),
        ("text", "<think>I wonder", "amid its thoughts"),
        ("text", "<think>I wonder</think>", "is empty"),
        ("text", "Dear customer, [insert your answer]", "not complete: it says"),
        ("text", "=== 0123456789abcdef ===\nHello", "repeats the rules"),
        ("maths", "It is 42.", "does not end with its final result"),
        ("maths", r"The steps, then \boxed{...}.", "does not end with its final result"),
        ("maths", "Your answer here: \\boxed{x}", "not complete"),
        ("choice", "It may be D.\nAnswer: D", "the options are A, B, C"),
        ("code", "x = 1", "no block of code"),
    ],
)
def test_an_unusable_answer_comes_with_its_fault(task: Task, answer: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_response(task, answer, "ABC")


@pytest.mark.parametrize("task", ASKED)
def test_an_answer_that_repeats_its_rules_is_unusable(task: Task) -> None:
    rules = render_answer(task, QUESTION)

    for repeated in (rules.user, f"Hello! {rules.system}"):
        with pytest.raises(ValueError, match="repeats the rules"):
            read_response(task, f"{repeated}\n{USABLE[task][0]}", "ABC")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>hm</think>yes", "yes"),
        ("hm, let me see\n</think>\nyes", "yes"),
        ("say </think> twice", "say </think> twice"),
        ("Write `<think>` and close it:\n</think>\nso", "Write `<think>` and close it:\n</think>\nso"),
    ],
)
def test_thoughts_before_an_answer_are_dropped_and_nothing_else(text: str, answer: str) -> None:
    assert without_thoughts(text) == answer


@given(st.sampled_from(ASKED), st.text() | st.text(alphabet="`python\n\\boxed{}Answer: ABx=1</think>"))
def test_any_text_is_an_answer_or_a_reason_why_not(task: Task, text: str) -> None:
    try:
        response = read_response(task, text, "AB")
    except ValueError as error:
        assert str(error)  # noqa: PT017 - the reason is quoted to the model
    else:
        assert response.text in text
        assert (response.final is None) == (task == "text")
