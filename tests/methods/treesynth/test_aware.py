from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.aware import balanced_letters, conversation_of, read_aware, render_aware, story_of
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.samples import make_sample
from tests.methods.treesynth.test_samples import STORY

GOOD = {
    "story": "A new story with a smell. It goes on.",
    "clue": "a smell",
    "aware_action": "leave the shop",
    "reasoning": "One smells it.",
}


def test_a_conversion_keeps_all_its_parts_whole() -> None:
    found = read_aware({**GOOD, "reasoning": "First.\nSecond line."}, "An old story.", "pay")

    assert found.reasoning == "First. Second line."
    record = conversation_of(found.story, "What next?", ("leave the shop", "pay"), "A", found.reasoning)
    assert record["input"].endswith("(A) leave the shop\n(B) pay\n\nWhat is the correct answer?")
    assert record["output"] == "First. Second line. So the answer is (A)."


@pytest.mark.parametrize(
    "change",
    [
        {"story": "An old story."},
        {"aware_action": "Pay."},
        {"clue": ""},
        {"clue": "a noise that the story does not have"},
        {"clue": "story"},
        {"reasoning": None},
        {"aware_action": "go " * 30},
    ],
)
def test_a_conversion_that_changes_nothing_or_lacks_a_part_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"clue|reasoning|unchanged|words"):
        read_aware({**GOOD, **change}, "An old story", "pay")


@given(st.lists(st.text(min_size=1), unique=True, max_size=60), st.integers(0, 9999))
def test_letters_are_balanced_and_do_not_depend_on_the_order(ids: list[str], seed: int) -> None:
    letters = balanced_letters(ids, seed)

    assert abs(letters.count("A") - letters.count("B")) <= 1
    assert dict(zip(ids, letters, strict=True)) == dict(
        zip(reversed(ids), balanced_letters(ids[::-1], seed), strict=True)
    )


def test_story_question_and_action_come_from_the_fields() -> None:
    domain = find_domain("simpletom")
    sample = make_sample(domain, STORY, 1)

    story, question, action = story_of(domain, sample.fields)

    assert story == f"{STORY['key_information']} {STORY['action']}"
    assert (question, action) == (STORY["question"], STORY["unaware_answer"])
    assert "pay for the lamp" in render_aware(domain, story, question, action).user
    with pytest.raises(ValueError, match="no stories"):
        story_of(find_domain("math"), sample.fields)
