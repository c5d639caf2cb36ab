"""Challenge scoring: the judge's prompt and how its verdict is read (method.md A.3, A.5)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import yaml
from pydantic import BeforeValidator, WithJsonSchema

from evergrow.methods.evolution.synthesis import PROMPTS
from evergrow.methods.text.answer_model import AnswerModel, Rating
from evergrow.methods.text.answers import read_score
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

Judging = Literal["by_criterion", "overall", "against_examples"]
LOWEST, HIGHEST = 1.0, 10.0
HALVES = [half / 2 if half % 2 else half // 2 for half in range(2, 21)]
UNFIT = "unfit"  # begins the reason of a task that gets no score
FLAGS = {"well_posed": "it is not well posed", "solvable": "it cannot be solved", "checkable": "nothing decides"}
CRITERIA = ("steps", "depth", "skill", "special_cases", "efficiency")
EXAMPLES = PROMPTS / "examples.yaml"
POINTS = {"harder": 1.0, "alike": 0.5, "easier": 0.0}
Compared = Annotated[
    Literal["harder", "alike", "easier"],
    BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value),
]


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


class AgainstExamples(AnswerModel):
    """Flags first, then whether the task is harder than each of the examples, by their names."""

    named: ClassVar[str] = "placement"
    reasoning: str = ""
    well_posed: bool
    solvable: bool
    checkable: bool
    B: Compared
    C: Compared
    D: Compared
    G: Compared
    K: Compared
    M: Compared
    R: Compared
    T: Compared
    X: Compared


ANSWERS: dict[Judging, tuple[str, type[ByCriterion | Overall | AgainstExamples], tuple[Path, ...]]] = {
    "by_criterion": ("judge", ByCriterion, ()),
    "overall": ("judge_overall", Overall, ()),
    "against_examples": ("judge_examples", AgainstExamples, (EXAMPLES,)),
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
    """The prompt with the rubric (paper, appendix): criterion by criterion, as one number, which is the paper's, or as
    a place among examples.
    """
    name, answer, beside = ANSWERS[judging]
    return load_prompt(PROMPTS, name, answer, beside)


@cache
def examples() -> Sequence[Mapping[str, str]]:
    """`name, content` of the tasks that a task is set against, the easiest first."""
    found: Sequence[Mapping[str, str]] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return found


def render_judge(content: str, judging: Judging = "by_criterion") -> Rendered:
    """The judge's prompt for one task."""
    content, prompt = content.strip(), judge_prompt(judging)
    if judging != "against_examples":
        return prompt.render(content=content, fence=fence(content))
    # The order is each task's own, and the same at every reading: no place in it is always the same example's.
    order = sorted(examples(), key=lambda one: hashlib.sha256(f"{one['name']}{content}".encode()).digest())
    return prompt.render(content=content, fence=fence(content), examples=order)


def read_verdict(answer: object, judging: Judging | None = None) -> JudgeScore:
    """The verdict in a judge's answer; a rating may be a number, or text such as `7/10`.

    judging: how was asked; None: the answer tells by its keys.

    Raises:
        ValueError: a score, a flag or a comparison is missing, or a score is not within 1 and 10.
    """
    judging = judging or _asked(answer)
    if judging == "overall":
        verdict = Overall.read(answer)
        return JudgeScore(verdict.score, verdict.reasoning.strip())
    found = (ByCriterion if judging == "by_criterion" else AgainstExamples).read(answer)
    reasoning = found.reasoning.strip()
    if failed := [why for flag, why in FLAGS.items() if not getattr(found, flag)]:
        return JudgeScore(None, reasoning, f"{UNFIT}: {', '.join(failed)}")
    if isinstance(found, AgainstExamples):
        return _placed(found, reasoning)
    given = {name: getattr(found, name) for name in CRITERIA}
    shown = ", ".join(f"{name.replace('_', ' ')} {rating}" for name, rating in given.items())
    return JudgeScore(sum(given.values()) / len(given), f"{reasoning} ({shown})".strip(), ratings=given)


def _asked(answer: object) -> Judging:
    keys = set(answer) if isinstance(answer, dict) else set()
    if keys & {example["name"] for example in examples()}:
        return "against_examples"
    return "overall" if FLAGS.keys().isdisjoint(keys) else "by_criterion"


def _placed(found: AgainstExamples, reasoning: str) -> JudgeScore:
    """The score of a place among the examples: 1 below all of them, 10 above all."""
    given = [(one["name"], getattr(found, one["name"])) for one in examples()]
    share = sum(POINTS[compared] for _, compared in given) / len(given)
    shown = ", ".join(f"{name} {compared}" for name, compared in given)
    return JudgeScore(LOWEST + (HIGHEST - LOWEST) * share, f"{reasoning} (against {shown})".strip())
