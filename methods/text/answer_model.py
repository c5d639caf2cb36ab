"""Answers as classes: one definition of the JSON schema that a model is held to, and of the check of its answer."""

from copy import deepcopy
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from evergrow.methods.text.answers import excerpt, read_score

MAX_DEPTH = 12


class AnswerModel(BaseModel):
    """The shape of an answer. Its schema is closed and asks for every field; the check forgives fields with a default.

    `named` is the schema's title, by which endpoints know it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    named: ClassVar[str]

    @classmethod
    def schema_of_answer(cls) -> dict[str, Any]:
        """The JSON schema, without references; a fresh copy, which may be narrowed."""
        return deepcopy(_schema(cls))

    @classmethod
    def read(cls, answer: object) -> Self:
        """The answer as an instance.

        Raises:
            ValueError: it does not have the shape; the message names the first part at fault, in words for a model.
        """
        if not isinstance(answer, dict):
            named = ", ".join(repr(name) for name in cls.model_fields)
            raise ValueError(f"the answer is no object with {named}")  # noqa: TRY004 - an invalid answer, not a bug
        try:
            return cls.model_validate(answer)
        except ValidationError as error:
            raise ValueError(_fault(error)) from None


@cache
def _schema(answer: type[AnswerModel]) -> dict[str, Any]:
    raw = answer.model_json_schema()
    plain = _plain(raw, raw.get("$defs", {}), 0)
    return {"title": answer.named, **plain}


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text.strip()


Filled = Annotated[str, AfterValidator(_filled)]  # a text that says something, without white space around it
Rating = Annotated[  # a whole number from 1 to 10, in any usual spelling
    int,
    BeforeValidator(lambda value: round(read_score(value))),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10}),
]
Number = Annotated[int, Field(ge=1, strict=True)]  # of a numbered thing, from 1


def _plain(node: Any, known: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - JSON
    """A schema without references, titles and defaults, every object closed and every property required."""
    if depth > MAX_DEPTH:
        raise ValueError("the schema is nested too deeply")
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(known[node["$ref"].rpartition("/")[2]], known, depth + 1)
    made = {name: part for name, part in node.items() if name not in ("title", "default", "$defs", "description")}
    if "items" in made:
        made["items"] = _plain(made["items"], known, depth + 1)
    if "properties" in made:
        made["properties"] = {name: _plain(part, known, depth + 1) for name, part in made["properties"].items()}
        made |= {"required": list(made["properties"]), "additionalProperties": False}
    return made


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"the answer has no {place!r}"
    if first["type"] == "string_type":
        return f"there is no text under {place!r}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place!r}: {message[:1].lower()}{message[1:]}, not {excerpt(repr(first['input']))}"
