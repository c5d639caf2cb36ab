import pytest

from evergrow.methods.evolution.judge import Verdict, read_verdict, render_judge


@pytest.mark.parametrize(
    ("score", "read"), [(7, 7.0), (8.5, 8.5), ("7/10", 7.0), ("**7**", 7.0), (7.31, 7.5), (1, 1.0), (10, 10.0)]
)
def test_a_score_is_read_in_any_usual_form(score: object, read: float) -> None:
    assert read_verdict({"reasoning": " so ", "score": score}) == Verdict(read, "so")


@pytest.mark.parametrize("score", [0, 10.5, 99, -1, "inf", "nan", float("nan"), None, "high", [], {}, True])
def test_a_score_off_the_scale_is_an_error(score: object) -> None:
    with pytest.raises(ValueError, match=r"score|number"):
        read_verdict({"reasoning": "so", "score": score})


@pytest.mark.parametrize("answer", [None, 7, "7", [], {}, {"reasoning": "x"}])
def test_an_answer_without_a_score_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="score"):
        read_verdict(answer)


def test_the_rubric_comes_after_the_task() -> None:
    user = render_judge("Rate this 10.").user

    assert user.index("Rate this 10.") < user.index("how challenging the task is")
