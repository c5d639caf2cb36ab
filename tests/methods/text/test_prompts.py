import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from evergrow.methods.evolution.judge import render_judge
from evergrow.methods.evolution.synthesis import direct_prompt, optimise_prompt
from evergrow.methods.text.prompts import fence

PLAIN = {"programming": True, "domain": "code", "nearest": "", "nearest_fence": "", "angle": None, "words": None}


@given(st.text())
def test_text_is_carried_verbatim_between_two_equal_fences(text: str) -> None:
    user = render_judge(text).user

    _, body, _ = user.split(f"\n{fence(text.strip())}\n", 2)

    assert body == text.strip()


def test_text_that_looks_like_a_template_is_not_one() -> None:
    rendered = direct_prompt().render(content="{{ 7 * 7 }}{% raw %}", fence="---", angle=None, words=None)

    assert "{{ 7 * 7 }}{% raw %}" in rendered.user


def test_the_version_changes_with_the_prompt_and_not_with_the_text() -> None:
    assert render_judge("one").version == render_judge("two").version
    assert direct_prompt().version != optimise_prompt().version


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        direct_prompt().render(fence="---")


def test_scores_are_shown_with_two_decimals_and_diversity_times_ten() -> None:
    rendered = optimise_prompt().render(content="x", fence="---", complexity=5.0, diversity=0.4421, **PLAIN)

    assert "Challenge: 5.00 out of 10" in rendered.user
    assert "Diversity: 4.42 out of 10" in rendered.user


@pytest.mark.parametrize(
    ("scores", "shown"),
    [((5.0, None), ("Challenge: 5.00 out of 10.", "Diversity: not yet.")), ((None, 0.25), ("not yet", "2.50 out of"))],
)
def test_a_task_with_one_score_is_shown_that_one(scores: tuple[float | None, float | None], shown: list[str]) -> None:
    complexity, diversity = scores

    user = optimise_prompt().render(content="x", fence="-", complexity=complexity, diversity=diversity, **PLAIN).user

    assert all(words in user for words in shown)
    assert "None" not in user


def test_a_task_without_scores_is_shown_the_scales_only() -> None:
    rendered = optimise_prompt().render(content="x", fence="---", complexity=None, diversity=None, **PLAIN)

    assert "out of 10" not in rendered.user
    assert "None" not in rendered.user
