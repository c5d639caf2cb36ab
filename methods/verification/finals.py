"""Final answers of mathematics: where an answer states one. Which are equal, see `equality`."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]*(?:(\{)|([^\s{}$\\]))")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_HASHES = re.compile(r"(?m)(?:^|(?<=[ \t]))####[ \t]*(\S.*)$")
_LABELLED = re.compile(r"\banswer\b[ \t*]{0,4}(?:is\b[ \t]{0,4}:?|[:=])[ \t*]{0,4}(\S.*)", re.IGNORECASE)
_LAST_NUMBER = re.compile(r"(?<![\w.])-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?(?!\w)")


def boxed(text: str) -> str | None:
    r"""What the last `\boxed{...}` of `text` holds, with the braces in it; None if there is none, or it is empty."""
    found = None
    for found in _BOX.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if found is None:
        return None
    if found[2]:
        return found[2]
    depth = 1
    for brace in _BRACE.finditer(text, found.end()):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[found.end() : brace.start()].strip() or None
    return None


def final_answer(text: str, *, last_number: bool = False) -> str | None:
    r"""The final answer that `text` states: in its last `\boxed{...}`, else after its last `####`, else after its last
    "Answer:" or "the answer is".

    `last_number`: where it states none in these ways, take its last number for it. That is a guess.
    """
    if (found := boxed(text)) is not None:
        return found
    for pattern in (_HASHES, _LABELLED):
        if stated := pattern.findall(text):
            return str(stated[-1]).strip(" \t*.") or None
    numbers = _LAST_NUMBER.findall(text) if last_number else []
    return numbers[-1] if numbers else None
