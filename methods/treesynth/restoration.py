"""Imported texts as samples again: a file of the reference's holds them as one text each (method.md B.6 to B.10).

A domain says in `imports` how its fields stand in such a text. What matches none of its patterns, or breaks a rule of
the domain, stays a text: nothing is lost, and nothing is guessed.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from evergrow.methods.text.fold import fold
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.samples import LETTERS, Sample, checked_fields, make_sample, text_sample

LONGEST = 20_000  # characters of a text that patterns are tried on
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+")


def restored(domain: Domain, text: str, seed: int, rows: Mapping[str, Mapping[str, Any]]) -> Sample:
    """The sample that `text` was made of; known as text only where its fields cannot be told.

    Args:
        domain: whose sample it is.
        text: as it stands in the file.
        seed: of the tree's draws, which deal the letters of choices.
        rows: rows of `result.jsonl` by their folded story; see `rows_by_story`.
    """
    if domain.choices and (row := rows.get(fold(text))):
        return _of_row(domain, row, text, seed)
    for pattern in domain.imports if len(text) <= LONGEST else ():
        if found := re.fullmatch(pattern, text.strip(), re.DOTALL):
            fields = {name: (value or "").strip() for name, value in found.groupdict().items()}
            if sample := _sample(domain, fields, seed):
                return sample
    return text_sample(text)


def rows_by_story(lines: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The rows of a `result.jsonl` that hold a story, by the story; lines that hold none are passed over."""
    found: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("story"), str):
            found.setdefault(fold(row["story"]), row)
    return found


def _of_row(domain: Domain, row: Mapping[str, Any], text: str, seed: int) -> Sample:
    """A story with the choices that its row gives it, under the letter that it has there."""
    assert domain.choices is not None
    choices = row.get("choices")
    texts = choices.get("text") if isinstance(choices, Mapping) else None
    answer, question = row.get("answerKey"), row.get("question")
    if not isinstance(texts, list) or len(texts) != len(LETTERS) or answer not in LETTERS or not question:
        return text_sample(text)
    right = LETTERS.index(answer)
    first, _, second = _SENTENCE.sub("\0", text.strip(), count=1).partition("\0")
    fields = {
        **dict.fromkeys(domain.fields, ""),
        "key_information": first,
        "action": second,
        "question": str(question),
        domain.choices.correct: str(texts[right]),
        domain.choices.wrong: str(texts[1 - right]),
    }
    known = {name: value for name, value in fields.items() if name in domain.fields}
    if sample := _sample(domain, known, seed, optional=("entities",)):
        return _under(domain, sample, answer)
    return text_sample(text)


def _under(domain: Domain, sample: Sample, letter: str) -> Sample:
    """The same sample with its right answer under `letter`."""
    return sample if sample.letter == letter else make_sample(domain, json.loads(sample.fields), 0, letter)


def _sample(domain: Domain, fields: Mapping[str, str], seed: int, optional: tuple[str, ...] = ()) -> Sample | None:
    try:
        return make_sample(
            domain, checked_fields({**dict.fromkeys(domain.fields, ""), **fields}, domain, optional), seed
        )
    except ValueError:
        return None
