"""Domains as data: what a space is, what its samples look like, and which dimensions are known beforehand.

A domain is one YAML file. `domains/customer_support.yaml` is written to be copied.
"""

import hashlib
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from evergrow.methods.answering.tasks import Task
from evergrow.methods.by_identity import by_identity
from evergrow.methods.text.fold import clean, fold
from evergrow.methods.treesynth.field_templates import Template, names

MAX_DEPTH = 12
RESERVED = ("id", "tree", "leaf_id", "attributes", "choice_a", "choice_b", "letter")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Part(BaseModel):
    """A part of a domain's file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SampleField(Part):
    """One field of a sample: what the writer is told about it, and what is checked."""

    type: Literal["text", "integer"] = "text"
    says: Text
    min_words: int = Field(1, ge=0, le=5_000)
    max_words: int = Field(5_000, ge=1, le=5_000)
    minimum: int = 0
    maximum: int = 1_000_000
    not_in: tuple[Name, ...] = Field((), strict=False)
    code: Literal["python"] | None = None


class Dimension(Part):
    """A dimension that is known beforehand; with more than one value, none of them equal to another."""

    dimension: Text
    values: tuple[Text, ...] = Field(strict=False, min_length=2, max_length=10_000)
    listed: bool = False

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: dict[str, str] = {}
        for value in self.values:
            if twin := seen.get(fold(clean(value))):
                raise ValueError(f"the values {twin!r} and {value!r} say the same: leave one out")
            seen[fold(clean(value))] = value
        return self


class Choices(Part):
    """Two-choice questions: the fields of the right and the wrong answer; their letters are dealt at random."""

    correct: Name
    wrong: Name


class Stories(Part):
    """Templates of the story and the question, in domains whose unaware people can be made aware."""

    story: Text
    question: Text


class Chat(Part):
    """Templates of the two turns of a sample that needs no answer."""

    user: Text
    assistant: Text


class Domain(Part):
    """A domain; `methods/treesynth/domains/customer_support.yaml` explains each key."""

    name: Name
    space: Text
    sample: Text
    samples: Text
    expert: Text
    rules: tuple[Text, ...] = Field(strict=False, min_length=1)
    variety: tuple[Text, ...] = Field((), strict=False)
    about_attributes: Text | None = None
    about_values: tuple[Text, ...] = Field((), strict=False)
    fields: dict[Name, SampleField] = Field(min_length=1)
    text: Text
    gist: Text | None = None
    export: dict[str, Template] = Field(min_length=1)
    imports: tuple[Text, ...] = Field((), strict=False)
    answer: Task = "text"
    chat: Chat | None = None
    choices: Choices | None = None
    aware: Stories | None = None
    dimensions: tuple[Dimension, ...] = Field((), strict=False, max_length=MAX_DEPTH)
    depth: int = Field(4, ge=1, le=MAX_DEPTH)

    @property
    def digest(self) -> str:
        """A hash of all that the file says."""
        return _digest(self)

    def digest_of(self, *keys: str) -> str:
        """A hash of what the file says under some of its keys."""
        return hashlib.sha256(self.model_dump_json(include=set(keys)).encode()).hexdigest()[:12]

    @property
    def converts(self) -> bool:
        """Whether its samples are stories of unaware people, which can be converted (method.md B.11)."""
        return self.aware is not None

    @property
    def told(self) -> str:
        """The template of what tells two samples apart, and what an analyst is shown of one."""
        return self.gist or self.text

    def at(self, depth: int) -> Dimension | None:
        """The dimension that the domain states for nodes of this depth, if it does."""
        return self.dimensions[depth] if depth < len(self.dimensions) else None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for check in (_check_fields, _check_templates, _check_imports, _check_answer, _check_dimensions):
            check(self)
        return self


def _check_fields(domain: Domain) -> None:
    if reserved := set(domain.fields) & set(RESERVED):
        raise ValueError(f"fields.{min(reserved)}: a field cannot have this name: choose another")
    named: dict[str, tuple[str, ...]] = {f"fields.{n}.not_in": f.not_in for n, f in domain.fields.items()}
    if domain.choices:
        named["choices"] = (domain.choices.correct, domain.choices.wrong)
    for place, wanted in named.items():
        for name in wanted:
            if name not in domain.fields:
                raise ValueError(f"{place}: names {name!r}, which is no field ({', '.join(domain.fields)})")


def _check_templates(domain: Domain) -> None:
    known = {*domain.fields, *(("choice_a", "choice_b", "letter") if domain.choices else ())}
    exported = known | {"id", "tree", "leaf_id", "attributes"}
    templates: list[tuple[str, Template, set[str]]] = [
        ("text", domain.text, known - {"letter"}),
        ("gist", domain.told, known - {"letter"}),
        *((f"export.{key}", template, exported) for key, template in domain.export.items()),
    ]
    if domain.aware:
        own = set(domain.fields)
        templates += [("aware.story", domain.aware.story, own), ("aware.question", domain.aware.question, own)]
        if domain.choices is None:
            raise ValueError("aware: needs the key `choices`, which says what the unaware person does")
    if domain.chat:
        templates += [("chat.user", domain.chat.user, known), ("chat.assistant", domain.chat.assistant, known)]
    for key, template, allowed in templates:
        if unknown := names(template) - allowed:
            raise ValueError(f"{key}: uses {{{min(unknown)}}}; it may use {', '.join(sorted(allowed))}")
        if key in ("text", "gist", "chat.user", "chat.assistant") and not names(template):
            raise ValueError(f"{key}: uses no field; write for example {{{next(iter(domain.fields))}}}")


def _check_imports(domain: Domain) -> None:
    for pattern in domain.imports:
        try:
            groups = re.compile(pattern, re.DOTALL).groupindex
        except re.error as error:
            raise ValueError(f"imports: {pattern!r} is no regular expression: {error}") from error
        if unknown := set(groups) - set(domain.fields):
            raise ValueError(f"imports: names {min(unknown)!r}, which is no field ({', '.join(domain.fields)})")


def _check_answer(domain: Domain) -> None:
    if domain.answer == "choice" and domain.choices is None:
        raise ValueError("answer: is 'choice', which needs the key `choices`")
    if domain.answer == "none" and domain.chat is None:
        raise ValueError(
            "answer: is 'none', which needs the key `chat`: which fields are the user's and which the answer"
        )
    if domain.answer != "none" and domain.chat:
        raise ValueError(f"chat: is for samples that need no answer; set `answer: none`, not {domain.answer!r}")


def _check_dimensions(domain: Domain) -> None:
    folded = [fold(d.dimension) for d in domain.dimensions]
    if twin := next((d.dimension for d in domain.dimensions if folded.count(fold(d.dimension)) > 1), None):
        raise ValueError(f"dimensions: {twin!r} stands there more than once")


def fields_schema(domain: Domain) -> dict[str, Any]:
    """The JSON schema of one sample; closed, every field required."""
    return {
        "type": "object",
        "properties": {name: _field_schema(field) for name, field in domain.fields.items()},
        "required": list(domain.fields),
        "additionalProperties": False,
    }


def _field_schema(field: SampleField) -> dict[str, Any]:
    if field.type == "integer":
        return {
            "type": "integer",
            "minimum": field.minimum,
            "maximum": field.maximum,
            "description": field.says,
        }
    return {"type": "string", "description": field.says}


@by_identity
def _digest(domain: Domain) -> str:
    return hashlib.sha256(domain.model_dump_json().encode()).hexdigest()[:12]
