"""Challenge scoring: the judge's prompt and how its verdict is read (method.md A.3, A.5)."""

from dataclasses import dataclass

from evergrow.methods.evolution.synthesis import PROMPTS
from evergrow.methods.text.answers import read_score
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

LOWEST, HIGHEST = 1.0, 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's score, 1 to 10, and the reasoning that it gave."""

    score: float
    reasoning: str


def judge_prompt() -> Prompt:
    """The prompt with the rubric of four criteria (paper, appendix)."""
    return load_prompt(PROMPTS, "judge")


def render_judge(content: str) -> Rendered:
    """The judge's prompt for one task."""
    content = content.strip()
    return judge_prompt().render(content=content, fence=fence(content))


def read_verdict(answer: object) -> Verdict:
    """The verdict in a judge's answer; a score may be a number, or text such as `7/10`.

    It is rounded to halves: endpoints that are not held to the schema's scale would else rank more finely than others.

    Raises:
        ValueError: there is no score, or it is not within 1 and 10.
    """
    if not isinstance(answer, dict) or "score" not in answer:
        raise ValueError("the answer has no 'score'")
    score = read_score(answer["score"], LOWEST, HIGHEST)
    return Verdict(round(2 * score) / 2, str(answer.get("reasoning", "")).strip())
