import pytest

from evergrow.methods.evolution.judge import (
    CRITERIA,
    AgainstExamples,
    JudgeScore,
    examples,
    judge_prompt,
    read_verdict,
    render_judge,
)

FIT = {"well_posed": True, "solvable": True, "checkable": True}
RATED = {"reasoning": "so", **FIT, "steps": 4, "depth": 5, "skill": 4, "special_cases": 3, "efficiency": 2}


@pytest.mark.parametrize(
    ("score", "read"), [(7, 7.0), (8.5, 8.5), ("7/10", 7.0), ("**7**", 7.0), (7.31, 7.5), (1, 1.0), (10, 10.0)]
)
def test_a_score_is_read_in_any_usual_form(score: object, read: float) -> None:
    assert read_verdict({"reasoning": " so ", "score": score}) == JudgeScore(read, "so")


@pytest.mark.parametrize("score", [0, 10.5, 99, 10**310, -1, "inf", "nan", float("nan"), None, "high", [], {}, True])
def test_a_score_off_the_scale_is_an_error(score: object) -> None:
    with pytest.raises(ValueError, match=r"score|number"):
        read_verdict({"reasoning": "so", "score": score})


@pytest.mark.parametrize("answer", [None, 7, "7", [], {}, {"reasoning": "x"}])
def test_an_answer_without_a_score_is_an_error(answer: object) -> None:
    with pytest.raises(ValueError, match="score"):
        read_verdict(answer)


def test_the_rubric_comes_after_the_task() -> None:
    user = render_judge("Rate this 10.").user

    assert user.index("Rate this 10.") < user.index("three flags") < user.index("five ratings")


def test_the_score_is_the_mean_of_whole_numbers_and_can_be_traced_to_them() -> None:
    verdict = read_verdict(RATED)

    assert verdict.score == pytest.approx(3.6)
    assert verdict.reasoning == "so (steps 4, depth 5, skill 4, special cases 3, efficiency 2)"


@pytest.mark.parametrize(("flag", "why"), [("well_posed", "posed"), ("solvable", "solved"), ("checkable", "decides")])
def test_a_task_that_fails_a_flag_has_no_score_however_hard_it_is(flag: str, why: str) -> None:
    verdict = read_verdict({**RATED, **dict.fromkeys(CRITERIA, 10), flag: False})

    assert verdict.score is None
    assert verdict.unfit is not None
    assert verdict.unfit.startswith("unfit: ")
    assert why in verdict.unfit


@pytest.mark.parametrize("missing", [*FIT, *CRITERIA])
def test_a_flag_or_a_rating_that_is_missing_is_an_error(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        read_verdict({name: given for name, given in RATED.items() if name != missing})


@pytest.mark.parametrize("rating", [0, 11, "hard", None, True, 10**400, [], "7 or 8"])
def test_a_rating_off_the_scale_is_an_error(rating: object) -> None:
    with pytest.raises(ValueError, match="depth"):
        read_verdict({**RATED, "depth": rating})


def test_the_schema_holds_an_endpoint_to_the_scale_and_to_every_key() -> None:
    schema = judge_prompt().schema

    assert schema is not None
    assert set(schema["required"]) == {"reasoning", *FIT, *CRITERIA}  # type: ignore[call-overload]
    assert schema["properties"]["depth"] == {"type": "integer", "minimum": 1, "maximum": 10}  # type: ignore[index]
    assert judge_prompt("overall").version != judge_prompt().version


def test_the_rubric_names_the_solver_and_shows_two_tasks_a_band() -> None:
    user = render_judge("Sort a list.").user

    assert "two years" in user
    bands = [line for line in user.splitlines() if line.startswith("- ") and " or " in line[:10]]
    assert len(bands) == 5
    assert all(line.count(". ") == 1 for line in bands)


def placed(harder: int, alike: int = 0) -> dict[str, object]:
    """An answer that sets a task above the easiest `harder` examples, and level with the next `alike`."""
    said = ["harder"] * harder + [" Alike"] * alike + ["easier"] * (len(examples()) - harder - alike)
    return {"reasoning": "so", **FIT, **{one["name"]: word for one, word in zip(examples(), said, strict=True)}}


@pytest.mark.parametrize(("harder", "alike", "score"), [(0, 0, 1.0), (9, 0, 10.0), (4, 1, 5.5)])
def test_a_place_among_the_examples_is_a_score_that_keeps_its_comparisons(
    harder: int, alike: int, score: float
) -> None:
    verdict = read_verdict(placed(harder, alike))

    assert verdict.score == pytest.approx(score)
    assert verdict.reasoning.count("harder") == harder
    assert read_verdict({**placed(harder), "solvable": False}).unfit == "unfit: it cannot be solved"


def test_every_example_has_to_be_compared_with() -> None:
    assert {one["name"] for one in examples()} < AgainstExamples.model_fields.keys()
    with pytest.raises(ValueError, match="'K'"):
        read_verdict({name: said for name, said in placed(3).items() if name != "K"}, "against_examples")
    with pytest.raises(ValueError, match="'K'"):
        read_verdict({**placed(3), "K": "much harder"})


def test_examples_stand_in_an_order_of_each_task_that_says_nothing_of_theirs() -> None:
    users = [render_judge(f"Task {number}.", "against_examples").user for number in range(8)]
    orders = {tuple(sorted((one["name"] for one in examples()), key=lambda n: user.index(f"{n}: "))) for user in users}

    assert len(orders) > 4
    assert render_judge("Task 1.", "against_examples").user == users[1]
    names = [one["name"] for one in examples()]
    assert names not in (sorted(names), sorted(names, reverse=True))
