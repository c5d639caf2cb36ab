"""The positive conversion: of a story whose person is unaware, one whose person can know (method.md B.11, D23)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from evergrow.methods.text.fold import fold
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.answer_models import AwareAnswer
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.field_templates import fill
from evergrow.methods.treesynth.prompt_set import around, render
from evergrow.methods.treesynth.samples import LETTERS

MAX_ACTION_WORDS = 20


@dataclass(frozen=True, slots=True)
class Aware:
    """A converted story: with a clue in it, what the person does now, and why."""

    story: str
    clue: str
    aware_action: str
    reasoning: str


def render_aware(domain: Domain, story: str, question: str, action: str) -> Rendered:
    """The request to let the person of `story` know the fact; `action` is what the unaware person did."""
    return render(
        "aware", domain, story=story, question=question, action=action, fence=around([story, question, action])
    )


def read_aware(answer: object, story: str, action: str) -> Aware:
    """The conversion in an answer.

    Raises:
        ValueError: a part is missing, the story or the action did not change, the clue is not what was added, or the
            action is no short phrase.
    """
    found = AwareAnswer.read(answer)
    aware = Aware(*(" ".join(t.split()) for t in (found.story, found.clue, found.aware_action, found.reasoning)))
    if fold(aware.clue) not in fold(aware.story):
        raise ValueError("the clue does not stand in the story")
    if fold(aware.clue) in fold(story):
        raise ValueError("the clue stood in the story before: nothing was added")
    if fold(aware.story) == fold(story):
        raise ValueError("the story is unchanged")
    if fold(aware.aware_action) == fold(action):
        raise ValueError("the action is unchanged")
    if len(aware.aware_action.split()) > MAX_ACTION_WORDS:
        raise ValueError(f"the action has more than {MAX_ACTION_WORDS} words")
    return aware


def balanced_letters(ids: Sequence[str], seed: int) -> list[str]:
    """A letter for each id: A and B equally often, one more of either at most, in an order drawn by `seed`."""
    order = sorted(ids)
    derived(seed, "aware").shuffle(order)
    first = derived(seed, "aware first").randrange(2)
    place = {sample: number for number, sample in enumerate(order)}
    return [LETTERS[(place[sample] + first) % 2] for sample in ids]


def conversation_of(story: str, question: str, choices: tuple[str, str], letter: str, reasoning: str) -> dict[str, str]:
    """The record `{"input", "output"}` that the reference's conversion writes, made of whole parts."""
    asked = f"{story}\n\n{question}\n(A) {choices[0]}\n(B) {choices[1]}\n\nWhat is the correct answer?"
    return {"input": asked, "output": f"{reasoning} So the answer is ({letter})."}


def story_of(domain: Domain, fields: str) -> tuple[str, str, str]:
    """Story, question and the unaware person's action, of a sample's fields, in a domain that can be converted.

    Raises:
        ValueError: the domain has no key `aware`.
    """
    if domain.aware is None or domain.choices is None:
        raise ValueError(f"the domain {domain.name!r} has no stories of unaware people")
    known = json.loads(fields)
    return fill(domain.aware.story, known), fill(domain.aware.question, known), str(known[domain.choices.correct])
