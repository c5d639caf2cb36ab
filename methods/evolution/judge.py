"""Challenge scoring: the judge's prompt and how its verdict is read (method.md A.3, A.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, WithJsonSchema

from evergrow.methods.evolution.synthesis import PROMPTS
from evergrow.methods.text.answer_model import AnswerModel, Rating
from evergrow.methods.text.answers import read_score
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

Judging = Literal["by_criterion", "overall"]
LOWEST, HIGHEST = 1.0, 10.0
HALVES = [half / 2 if half % 2 else half // 2 for half in range(2, 21)]
UNFIT = "unfit"  # begins the reason of a task that gets no score
FLAGS = {"well_posed": "it is not well posed", "solvable": "it cannot be solved", "checkable": "nothing decides"}
CRITERIA = ("steps", "depth", "skill", "special_cases", "efficiency")


class ByCriterion(AnswerModel):
    """Flags first, then one whole number a criterion: of the paper's four, the fourth is taken apart in two."""

    named: ClassVar[str] = "ratings"
    reasoning: str = ""
    well_posed: bool
    solvable: bool
    checkable: bool
    steps: Rating
    depth: Rating
    skill: Rating
    special_cases: Rating
    efficiency: Rating


class Overall(AnswerModel):
    """The paper's verdict: one number for all criteria. It is rounded to halves: an endpoint that is not held to the
    schema's scale would else rank more finely than others."""

    named: ClassVar[str] = "verdict"
    reasoning: str = ""
    score: Annotated[
        float,
        BeforeValidator(lambda value: round(2 * read_score(value, LOWEST, HIGHEST)) / 2),
        WithJsonSchema({"type": "number", "enum": HALVES}),
    ]


ANSWERS: dict[Judging, tuple[str, type[ByCriterion | Overall]]] = {
    "by_criterion": ("judge", ByCriterion),
    "overall": ("judge_overall", Overall),
}


@dataclass(frozen=True, slots=True)
class JudgeScore:
    """What a judge says of a task.

    Attributes:
        score: 1 to 10; None for a task that is unfit.
        reasoning: the judge's, with the ratings that the score is the mean of.
        unfit: why the task gets no score; None if it has one.
        ratings: the number of each of `CRITERIA`, 1 to 10; None where the judge was asked for one number, or is unfit.
    """

    score: float | None
    reasoning: str
    unfit: str | None = None
    ratings: Mapping[str, int] | None = None


def judge_prompt(judging: Judging = "by_criterion") -> Prompt:
    """The prompt with the rubric (paper, appendix): criterion by criterion, or as one number, which is the paper's."""
    name, answer = ANSWERS[judging]
    return load_prompt(PROMPTS, name, answer)


def render_judge(content: str, judging: Judging = "by_criterion") -> Rendered:
    """The judge's prompt for one task."""
    content = content.strip()
    return judge_prompt(judging).render(content=content, fence=fence(content))


def read_verdict(answer: object, judging: Judging | None = None) -> JudgeScore:
    """The verdict in a judge's answer; a rating may be a number, or text such as `7/10`.

    judging: how was asked; None: the answer tells by its keys.

    Raises:
        ValueError: a score or a flag is missing, or a score is not within 1 and 10.
    """
    if judging is None:
        judging = "by_criterion" if isinstance(answer, dict) and not FLAGS.keys().isdisjoint(answer) else "overall"
    if judging == "overall":
        verdict = Overall.read(answer)
        return JudgeScore(verdict.score, verdict.reasoning.strip())
    ratings = ByCriterion.read(answer)
    failed = [why for flag, why in FLAGS.items() if not getattr(ratings, flag)]
    if failed:
        return JudgeScore(None, ratings.reasoning.strip(), f"{UNFIT}: {', '.join(failed)}")
    given = {name: getattr(ratings, name) for name in CRITERIA}
    shown = ", ".join(f"{name.replace('_', ' ')} {rating}" for name, rating in given.items())
    return JudgeScore(sum(given.values()) / len(given), f"{ratings.reasoning.strip()} ({shown})".strip(), ratings=given)
