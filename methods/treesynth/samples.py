"""Pivots and samples: what a writer is asked in a part of the space, how its answer is checked and exported."""

import ast
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evergrow.methods.by_identity import by_identity
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.counts import counted
from evergrow.methods.text.fold import fold
from evergrow.methods.text.prompts import Rendered, fence
from evergrow.methods.treesynth.answer_models import AdherenceAnswer, SamplesAnswer
from evergrow.methods.treesynth.domain import Domain, SampleField, fields_schema
from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.field_templates import build, fill
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.prompt_set import around, render, schema_of

AVOID_CHARS = 240
SHOWN_VALUES = 30  # of a dimension, to a judge of attributes
_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
LETTERS = ("A", "B")
_told = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode  # made once: there are many samples


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Attributes:
        fields: its fields as JSON text; empty for a sample that was imported as text.
        content: the sample as one text.
        gist: what tells it from others.
        letter: the right one of two choices, "A" or "B"; None in domains without choices.
    """

    fields: str
    content: str
    gist: str
    letter: str | None = None


@dataclass(frozen=True, slots=True)
class RuleBreach:
    """A sample that breaks a rule of its domain."""

    fields: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrittenSamples:
    """What a writer's answer holds: at least one sample, and those that break a rule."""

    samples: tuple[Sample, ...]
    rejected: tuple[RuleBreach, ...]


def render_write(domain: Domain, attributes: Sequence[Attribute], count: int, avoid: Sequence[str] = ()) -> Rendered:
    """The request for `count` samples that have `attributes` and say nothing that `avoid` says already."""
    shown = [excerpt(text, AVOID_CHARS) for text in avoid]
    schemas = _write_schemas(domain)
    if count not in schemas:
        schemas[count] = _write_schema(domain, count)
    return render(
        "write",
        domain,
        schemas[count],
        attributes=list(attributes),
        fence=around(text for a in attributes for text in (a.dimension, a.value)),
        count=count,
        avoid=shown,
        avoid_fence=around(shown),
    )


@by_identity
def _write_schemas(domain: Domain) -> dict[int, dict[str, Any]]:  # noqa: ARG001 - whose they are
    """The schemas of a domain's samples by their number, filled as they are needed: engines know a schema again."""
    return {}


def _write_schema(domain: Domain, count: int) -> dict[str, Any]:
    schema = schema_of("write")
    schema["properties"]["samples"] |= {"items": fields_schema(domain), "minItems": count, "maxItems": count}
    return schema


def read_samples(answer: object, domain: Domain, seed: int) -> WrittenSamples:
    """The samples in an answer, each checked against its domain's fields; letters are dealt by `seed`.

    Raises:
        ValueError: there is no list of samples, or none of them is valid; the message is the first one's fault.
    """
    samples: list[Sample] = []
    rejected: list[RuleBreach] = []
    for part in SamplesAnswer.read(answer).samples:
        try:
            samples.append(make_sample(domain, checked_fields(part, domain), seed))
        except ValueError as error:
            rejected.append(RuleBreach(json.dumps(part, ensure_ascii=False), str(error)))
    if not samples:
        raise ValueError(f"no sample is valid: {rejected[0].reason}")
    return WrittenSamples(tuple(samples), tuple(rejected))


def make_sample(domain: Domain, fields: Mapping[str, str | int], seed: int, letter: str | None = None) -> Sample:
    """The sample that has `fields`, which are valid; `letter`, if given, is that of its right choice."""
    told = _told(fields)
    if domain.choices and letter is None:
        letter = LETTERS[derived(seed, "letter", told).randrange(2)]
    values = {**fields, **choice_texts(domain, fields, letter)}
    content = fill(domain.text, values)
    return Sample(told, content, fill(domain.gist, values) if domain.gist else content, letter)


def text_sample(content: str) -> Sample:
    """A sample that is known as text only."""
    return Sample("", content, content)


def stored_sample(domain: Domain, fields: str, content: str, letter: str | None) -> Sample:
    """The sample that a table holds."""
    if not fields:
        return Sample("", content, content, letter)
    known = json.loads(fields)
    return Sample(fields, content, fill(domain.told, {**known, **choice_texts(domain, known, letter)}), letter)


def told_apart(sample: Sample) -> str:
    """The form in which samples are compared: two with the same form are duplicates."""
    return fold(sample.gist)


def choice_texts(domain: Domain, fields: Mapping[str, object], letter: str | None) -> dict[str, object]:
    """The two choices in the order of their letters; nothing in domains without choices."""
    if domain.choices is None or letter is None:
        return {}
    right, wrong = fields[domain.choices.correct], fields[domain.choices.wrong]
    first, second = (right, wrong) if letter == "A" else (wrong, right)
    return {"choice_a": first, "choice_b": second}


def export_record(domain: Domain, row: Mapping[str, Any]) -> dict[str, object]:
    """A sample's row as the record that its domain exports.

    row: `id, tree, leaf_id, attributes, fields, content, letter`. A sample known as text only fills the first key.
    """
    if not row["fields"]:
        return {next(iter(domain.export)): row["content"]}
    fields = json.loads(row["fields"])
    values = {
        **fields,
        **choice_texts(domain, fields, row["letter"]),
        **{name: row[name] for name in ("id", "tree", "leaf_id")},
        "letter": row["letter"],
        "attributes": "; ".join(f"{a['dimension']}: {a['value']}" for a in row["attributes"]),
    }
    return {key: build(template, values) for key, template in domain.export.items()}


def chat_turns(domain: Domain, fields: str, letter: str | None) -> tuple[str, str] | None:
    """The user's and the assistant's turn of a sample that needs no answer; None where its fields do not tell them.

    Args:
        domain: the domain of the sample.
        fields: its fields as JSON text; empty for a sample that is known as text only.
        letter: the right one of its two choices, if it has any.
    """
    if domain.chat is None or not fields:
        return None
    known = json.loads(fields)
    values = {**known, **choice_texts(domain, known, letter), "letter": letter}
    return fill(domain.chat.user, values), fill(domain.chat.assistant, values)


def render_adherence(
    domain: Domain, content: str, attributes: Sequence[Attribute], others: Sequence[Sequence[str]]
) -> Rendered:
    """The question whether a sample has these attributes (method.md D37).

    Args:
        domain: of the sample.
        content: the sample.
        attributes: those that are asked about.
        others: of each, other values that its dimension can have.
    """
    shown = [tuple(values[:SHOWN_VALUES]) for values in others]
    return render(
        "adhere",
        domain,
        text=content,
        fence=fence(content),
        attributes=list(attributes),
        others=shown,
        attributes_fence=around(
            text for a, values in zip(attributes, shown, strict=True) for text in (a.dimension, a.value, *values)
        ),
    )


def read_adherence(answer: object, attributes: int) -> tuple[frozenset[int], str]:
    """The places, from 0, of the attributes that the sample lacks, and the judge's reason.

    Raises:
        ValueError: there is no list of numbers from 1 to `attributes`.
    """
    found = AdherenceAnswer.read(answer)
    numbers = [n for n in found.missing if isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= attributes]
    if len(numbers) < len(found.missing):
        raise ValueError(f"'missing' holds something else than numbers from 1 to {attributes}")
    return frozenset(number - 1 for number in numbers), found.why.strip()


def checked_fields(part: object, domain: Domain, optional: Sequence[str] = ()) -> dict[str, str | int]:
    """The fields of a sample, each as its domain wants it; those that are `optional` may be blank.

    Raises:
        ValueError: with the first rule that is broken.
    """
    if not isinstance(part, dict):
        raise ValueError("a sample is no object")  # noqa: TRY004 - an invalid answer, not a bug
    found: dict[str, str | int] = {
        name: "" if name in optional and not part.get(name) else _value(part.get(name), name, field)
        for name, field in domain.fields.items()
    }
    for name, field in domain.fields.items():
        for other in field.not_in:
            if _within(str(found[name]), str(found[other])):
                raise ValueError(f"{name!r} appears in {other!r}")
    return found


def _value(value: object, name: str, field: SampleField) -> str | int:
    if field.type == "integer":
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,9}\s*", value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not field.minimum <= value <= field.maximum:
            raise ValueError(f"{name!r} is no whole number from {field.minimum} to {field.maximum}")
        return value
    if not isinstance(value, str):
        raise ValueError(f"there is no text under {name!r}")  # noqa: TRY004 - an invalid answer, not a bug
    if field.code == "python":
        _check_blocks(value, name)
    words = len(value.split())
    if not field.min_words <= words <= field.max_words:
        raise ValueError(f"{name!r} has {counted(words, 'words')}, not {field.min_words} to {field.max_words}")
    return value.strip()


def _check_blocks(text: str, name: str) -> None:
    """Code of a task that cannot even be parsed was squeezed or cut, and is of no use to the one who solves it."""
    if text.count("```") % 2:
        raise ValueError(f"a block of code in {name!r} does not end")
    for block in _BLOCK.findall(text):
        try:
            ast.parse(textwrap.dedent(block))
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise ValueError(f"the code in {name!r} is no Python: {excerpt(str(error))}") from error


def _within(text: str, other: str) -> bool:
    inner, outer = fold(text), fold(other)
    return bool(inner) and f" {inner} " in f" {outer} "
