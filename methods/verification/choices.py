"""Multiple choice: the options of a question, the letter that an answer states, and whether it is the right one."""

import re
from collections.abc import Sequence
from operator import eq

from evergrow.methods.verification.agreement import Decision, agree, decide

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPTION = re.compile(r"(?m)^[ \t>*-]*(?:\(([A-Z])\)|([A-Z])[.):])[ \t*]+\S")
_STATED = re.compile(
    r"(?m)\b(?:[Aa]nswer|ANSWER)\b[ \t:*]{0,9}(?:is\b)?[ \t:*`$=\"']{0,9}(?:\\boxed\{)?(?:\\text\{)?"
    r"[(\[]?([A-Z])(?:[)\]}.,:*`$\"']|[ \t]*$)"
)
_ALONE = re.compile(r"[\s(\[*`]*([A-Z])[\s)\].*`]*")


def options(content: str) -> tuple[str, ...]:
    """The letters of a question's options, "A" and those that follow it; empty where it has not two at least.

    An option begins a line: "(A) ...", "A) ...", "A. ..." or "A: ...". Of several lists of options the last counts.
    """
    lists: list[list[str]] = []
    for match in _OPTION.finditer(content):
        letter = match[1] or match[2]
        if letter == LETTERS[0]:
            lists.append([letter])
        elif lists and letter == LETTERS[len(lists[-1]) % len(LETTERS)]:
            lists[-1].append(letter)
    return next((tuple(found) for found in reversed(lists) if len(found) > 1), ())


def stated_letter(text: str, letters: Sequence[str]) -> str:
    """The letter that `text` states as its answer, last: "Answer: A", "the answer is (A)", or a last line "A".

    Raises:
        ValueError: it states none, or one that is not among `letters`.
    """
    last_line = text.rstrip().rpartition("\n")[2]
    stated = [match[1] for match in _STATED.finditer(text)]
    if alone := _ALONE.fullmatch(last_line):
        stated.append(alone[1])
    if not stated:
        raise ValueError('the answer does not end with a line such as "Answer: A"')
    if stated[-1] not in letters:
        raise ValueError(f"the answer is {stated[-1]!r}, but the options are {', '.join(letters)}")
    return stated[-1]


def verify_choice(
    finals: Sequence[str | None], letters: Sequence[str], known: str | None, min_agreement: float
) -> Decision:
    """Whether the draws agree on one option, and on the right one where that is known.

    Args:
        finals: the letter that each draw states; None for a draw without a usable answer.
        letters: the options; a draw that states another one counts as none.
        known: the right letter, where the question came with it.
        min_agreement: the share of draws, 0 to 1, that must be exceeded.
    """
    decision = decide(agree([final if final in letters else None for final in finals], eq), min_agreement)
    if decision.chosen is None or known is None:
        return decision
    winner = finals[decision.chosen]
    if winner != known:
        detail = f"most draws say {winner}, but {known} is right; {decision.detail}"
        return Decision("fail", detail, None, decision.agreement)
    return Decision("pass", f"{known} is right; {decision.detail}", decision.chosen, decision.agreement)
