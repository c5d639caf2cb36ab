import pytest

from evergrow.resources.llm import Request
from evergrow.resources.llm.answer import Declined, Unusable, Usable, read_reply, refuses
from evergrow.resources.llm.reply import Completion

TEXT = Request("row", "responder", "", "", None)
JSON = Request("row", "judge", "", "", {"type": "object"})


@pytest.mark.parametrize(
    "words",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "I cannot provide instructions for this.",
        "As an AI language model, I cannot create such content.",
        "Sorry, I'm unable to fulfil this request.",
        "I apologize, but I will not generate that.",
        "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
        "Lo siento, pero no puedo ayudar con eso.",
        "抱歉,我无法回答这个问题。",
    ],
)
def test_refusals_in_words_are_refusals_for_every_kind_of_answer(words: str) -> None:
    for request in (TEXT, JSON):
        assert isinstance(read_reply(Completion(words), request, lambda answer: answer), Declined)


@pytest.mark.parametrize(
    "words",
    [
        "I'm sorry for your loss. Here is a letter you can send.",
        "I can't attend the meeting on Monday, I am afraid.",
        "```python\nprint('I cannot help')\n```",
        "I cannot help laughing. " + "And so the story goes on. " * 40,
        "Sorry, Ada said, and went home.",
    ],
)
def test_answers_that_only_sound_alike_are_answers(words: str) -> None:
    assert not refuses(words)
    assert isinstance(read_reply(Completion(words), TEXT, str), Usable)


def test_a_thought_that_used_the_budget_up_is_futile_to_draw_again() -> None:
    spent = Completion("", finish_reason="length", tokens_thought=2048, fault="the answer was cut off")

    found = read_reply(spent, TEXT, str)

    assert found == Unusable("the answer was cut off", repairable=False, futile=True)


def test_a_broken_form_and_a_broken_rule_are_told_apart() -> None:
    def strict(_: object) -> str:
        raise ValueError("a rule of content")

    assert read_reply(Completion("no JSON"), JSON, strict) == Unusable(
        "no JSON object or array in the answer, which begins 'no JSON'", repairable=True, formal=True
    )
    assert read_reply(Completion("{}"), JSON, strict) == Unusable("a rule of content", repairable=True)


@pytest.mark.parametrize(
    "error", [OverflowError("int too large"), ZeroDivisionError("x"), KeyError("a"), TypeError("t")]
)
def test_whatever_a_parser_trips_over_is_the_answers_fault(error: Exception) -> None:
    def trip(_: object) -> str:
        raise error

    assert isinstance(read_reply(Completion("{}"), JSON, trip), Unusable)
