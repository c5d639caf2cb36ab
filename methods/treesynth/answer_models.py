"""What models answer to the questions of a tree: one class a prompt, which is its schema and the check of its form."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from evergrow.methods.text.answer_model import AnswerModel, Filled

NUMBERS = {"type": "array", "items": {"type": "integer", "minimum": 1}}  # which there are, is checked where it is known


class ValueGroup(BaseModel):
    """A value of a dimension, and the numbers of the samples that have it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    value: str
    samples: Annotated[list[object], WithJsonSchema({**NUMBERS, "minItems": 1})]


class SplitAnswer(AnswerModel):
    """A dimension and how the samples fall into its values."""

    named: ClassVar[str] = "split"
    dimension: str
    values: Annotated[list[ValueGroup], Field(json_schema_extra={"minItems": 2})]


class CompletionAnswer(AnswerModel):
    """Further values: none are missing (`full`), these were (`done`), or these and still others (`more`)."""

    named: ClassVar[str] = "completion"
    status: Literal["full", "more", "done"]
    values: Annotated[list[str], Field(json_schema_extra={"maxItems": 40})]


class RouteAnswer(AnswerModel):
    """The value that a text has; `none fits` where it has none of them."""

    named: ClassVar[str] = "route"
    why: str = ""
    value: str


class AdherenceAnswer(AnswerModel):
    """The numbers of the attributes that a text lacks."""

    named: ClassVar[str] = "adherence"
    why: str = ""
    missing: Annotated[list[object], WithJsonSchema(NUMBERS)]


class AwareAnswer(AnswerModel):
    """A story in which the person can know the fact."""

    named: ClassVar[str] = "aware"
    story: Filled
    clue: Filled
    aware_action: Filled
    reasoning: Filled


class SamplesAnswer(AnswerModel):
    """Samples; the domain says what fields each has."""

    named: ClassVar[str] = "samples"
    samples: Annotated[list[object], Field(min_length=1)]


ANSWERS: dict[str, type[AnswerModel]] = {
    "split": SplitAnswer,
    "complete": CompletionAnswer,
    "route": RouteAnswer,
    "adhere": AdherenceAnswer,
    "aware": AwareAnswer,
    "write": SamplesAnswer,
}
