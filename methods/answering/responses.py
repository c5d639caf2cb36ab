"""Answers to samples: how each kind of task is asked for one, and which answers can be used (paper, section 3.5).

An answer is plain text, because a trainer reads it as it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evergrow.methods.answering.programs import read_program
from evergrow.methods.answering.tasks import Task
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt
from evergrow.methods.verification.choices import options, stated_letter
from evergrow.methods.verification.finals import boxed

PROMPTS = Path(__file__).with_name("prompts")
_PLACEHOLDER = re.compile(
    r"\byour (?:code|answer|solution|response|implementation|explanation) (?:goes )?here\b"
    r"|[\[<](?:insert|add|write|put) (?:your |the )?(?:code|answer|solution|response|explanation)\b[^\]>\n]{0,40}[\]>]",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.:])\s+")
_TELLING_CHARS = 60  # shorter sentences of a prompt may stand in an answer by chance
_FENCE_LINE = re.compile(r"===\s?[0-9a-f]{16}\b")
_NOTHING = re.compile(r"(?:[\s.…_*#`()\[\]-]|\b(?:todo|tbd)\b)*", re.IGNORECASE)
_THOUGHT_ALONE = re.compile(r"(?m)^[ \t]*</think>[ \t]*$")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: the text that a trainer reads, and what in it is verified.

    `final` is the program, the content of the box or the letter; None where nothing is verified.
    """

    text: str
    final: str | None


def answer_prompt(task: Task) -> Prompt:
    """The prompt for answers to a kind of task, "none" excepted."""
    return load_prompt(PROMPTS, f"answer_{task}")


def render_answer(task: Task, content: str, packages: Sequence[str] = ()) -> Rendered:
    """The responder's prompt for one sample; `packages` are what a program may import beyond the standard library.

    Raises:
        ValueError: it is a choice, and has no options such as "(A) ..." and "(B) ...".
    """
    content = content.strip()
    letters = options(content) if task == "choice" else ()
    if task == "choice" and not letters:
        raise ValueError("it has no options such as '(A) ...' and '(B) ...' on lines of their own")
    return answer_prompt(task).render(content=content, fence=fence(content), options=letters, packages=packages)


def read_response(task: Task, answer: object, letters: Sequence[str] = ()) -> Response:
    """The usable answer in what the responder wrote; nothing is taken away but its thoughts and the space around it.

    Args:
        task: the kind of task, "none" excepted.
        answer: the responder's text.
        letters: the options of a choice.

    Raises:
        ValueError: it is empty or a placeholder, repeats its prompt, as weak models do, or lacks what is verified: a
            block of valid Python, a box, a letter.
    """
    if not isinstance(answer, str):
        raise ValueError("the answer is no text")  # noqa: TRY004 - an invalid answer, not a bug
    text = without_thoughts(answer)
    if _NOTHING.fullmatch(text):
        raise ValueError("the answer is empty")
    if _FENCE_LINE.search(text) or any(sentence in text for sentence in _rules(task)):
        raise ValueError("the answer repeats the rules that it was given")
    if found := _PLACEHOLDER.search(text):
        raise ValueError(f"the answer is not complete: it says {found[0]!r}")
    return Response(text, _final(task, text, letters))


def without_thoughts(text: str) -> str:
    """`text` without the thoughts that a reasoning model wrote before its answer, and without space around it.

    Some servers pass on `<think>...</think>`, some only its end, on a line of its own.

    Raises:
        ValueError: the thoughts do not end.
    """
    text = text.strip()
    if text.startswith("<think>"):
        _, end, text = text.partition("</think>")
        if not end:
            raise ValueError("the answer ends amid its thoughts, before </think>")
    elif (end_line := _THOUGHT_ALONE.search(text)) and "<think>" not in text[: end_line.start()]:
        text = text[end_line.end() :]
    return text.strip()


@cache
def _rules(task: Task) -> tuple[str, ...]:
    """The longer sentences of a task's rules, which are the same for all samples."""
    rules = answer_prompt(task).render(content="", fence="", options=(), packages=()).system
    return tuple(sentence for sentence in _SENTENCE_END.split(rules) if len(sentence) >= _TELLING_CHARS)


def _final(task: Task, text: str, letters: Sequence[str]) -> str | None:
    match task:
        case "code":
            return read_program(text)
        case "maths":
            if (final := boxed(text)) is None or _NOTHING.fullmatch(final):
                raise ValueError(r"the answer does not end with its final result in \boxed{...}")
            return final
        case "choice":
            return stated_letter(text, letters)
        case "text" | "none":
            return None
