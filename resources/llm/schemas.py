"""JSON schemas of answers as texts: in the identity of a request, in its prompt, in its body.

Thousands of requests share one schema, and what is made of it costs as much as the rest of a request's body: it is made
once for each schema.
"""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from evergrow.methods.by_identity import by_identity

BOUNDS = (
    *("minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format", "default", "title"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties"),
)


class Schema:
    """One schema, which nobody changes, and its texts."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self.schema = schema

    @cached_property
    def identity(self) -> str:
        """As the identity of a request has it."""
        return json.dumps(self.schema, sort_keys=True, separators=(",", ":"))

    @cached_property
    def prompt(self) -> str:
        """As a prompt quotes it."""
        return json.dumps(self.schema)

    @cached_property
    def format(self) -> str:
        """As the body's `response_format`."""
        return self._format(self.schema)

    @cached_property
    def format_without_bounds(self) -> str:
        """As the body's `response_format`, for servers that do not know the keywords which bound lengths."""
        return self._format(without_bounds(self.schema))

    def _format(self, shape: object) -> str:
        schema = {"name": _name(self.schema), "schema": shape, "strict": _is_strict(self.schema)}
        return json.dumps({"type": "json_schema", "json_schema": schema}, separators=(",", ":"))


@by_identity
def schema_of(schema: Mapping[str, object]) -> Schema:
    """`schema` with its texts."""
    return Schema(schema)


def without_bounds(schema: object) -> Any:  # noqa: ANN401 - any JSON value
    """A schema without the keywords that bound lengths, counts and numbers, which many servers do not know."""
    if isinstance(schema, Mapping):
        return {
            name: {key: without_bounds(part) for key, part in value.items()}
            if name == "properties" and isinstance(value, Mapping)
            else without_bounds(value)
            for name, value in schema.items()
            if name not in BOUNDS
        }
    return [without_bounds(part) for part in schema] if isinstance(schema, list | tuple) else schema


def _name(schema: Mapping[str, object]) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", str(schema.get("title", "answer")))[:64]


def _is_strict(node: object) -> bool:
    """Whether OpenAI's strict mode takes the schema: every object closed, and each of its properties required."""
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping) and (
            node.get("additionalProperties") is not False or set(properties) != set(node.get("required", ()))
        ):
            return False
        return all(_is_strict(part) for part in node.values())
    return all(_is_strict(part) for part in node) if isinstance(node, list | tuple) else True
