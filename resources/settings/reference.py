"""Writes `evergrow.yaml`: every setting with its default and one comment, all of it commented out.

`python -m evergrow.resources.settings.reference > evergrow.yaml` brings the file up to date with the models.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evergrow.resources.settings.load import Settings

HEADER = """\
# Every setting of evergrow, with its default. Remove the first `#` of a line, and of the lines of the sections that it
# stands in, to change it. The environment goes before this file (EVERGROW_EVOLUTION__MARGIN=0.5 is `margin` in
# `evolution`), and the command line before the environment. While neither an endpoint is set here nor OPENAI_API_KEY
# nor OPENAI_BASE_URL, the embedded model is used, and its profile (resources/settings/embedded.yaml) goes before these
# defaults. This file is written by: python -m evergrow.resources.settings.reference > evergrow.yaml
"""
PLAIN = re.compile(r"[\w.-]+")
SYMBOLS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def reference() -> str:
    """The text of `evergrow.yaml`. Without the first character of each line it is YAML of all the defaults."""
    lines = [*HEADER.splitlines(), "", *_section(Settings, None, 0)]
    return "".join(f"#{line}".rstrip() + "\n" for line in lines)


def _section(model: type[BaseModel], values: BaseModel | None, depth: int) -> Iterator[str]:
    """Lines for each field of `model`; `values` holds the defaults where they are not the model's own."""
    after_section = False
    for name, field in model.model_fields.items():
        value = getattr(values, name) if values else field.get_default(call_default_factory=True)
        is_section = isinstance(value, BaseModel | Mapping)
        if depth == 0 and (is_section or after_section):
            yield ""
        after_section = is_section
        yield from _entry(name, field, value, depth)


def _entry(name: str, field: FieldInfo, value: Any, depth: int) -> Iterator[str]:  # noqa: ANN401 - any setting's
    indent = "  " * depth
    comment = f"  # {text}" if (text := _comment(field)) else ""
    if isinstance(value, BaseModel):
        about = field.description or (type(value).__doc__ or "").splitlines()[0]
        yield f"{indent}{name}:  # {about}"
        yield from _section(type(value), value, depth + 1)
    elif isinstance(value, Mapping) and value:
        yield f"{indent}{name}:{comment}"
        for key, entry in value.items():
            yield from _named_entry(key, entry, depth + 1)
    elif isinstance(value, Mapping):
        yield f"{indent}{name}: {{}}{comment}"
        yield from _example(field, depth + 1)
    else:
        yield f"{indent}{name}:{_scalar(value)}{comment}"


def _named_entry(name: str, value: Any, depth: int) -> Iterator[str]:  # noqa: ANN401
    yield f"{'  ' * depth}{name}:" + ("" if isinstance(value, BaseModel) else _scalar(value))
    if isinstance(value, BaseModel):
        yield from _section(type(value), value, depth + 1)


def _example(field: FieldInfo, depth: int) -> Iterator[str]:
    """What an entry of an empty mapping of sections may hold, as a comment that stays one."""
    model = get_args(field.annotation)[-1]
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield f"{'  ' * depth}# NAME: {{{', '.join(f'{name}: ...' for name in model.model_fields)}}}"


def _scalar(value: Any) -> str:  # noqa: ANN401
    """A value as YAML reads it; nothing at all for None."""
    if value is None:
        return ""
    plain = str(value) if isinstance(value, Path) else value
    needs_no_quotes = isinstance(plain, str) and PLAIN.fullmatch(plain) and yaml.safe_load(plain) == plain
    return f" {plain if needs_no_quotes else json.dumps(plain, ensure_ascii=False)}"


def _comment(field: FieldInfo) -> str:
    """The field's description and the values it may have."""
    choices = ", ".join(_choices(field.annotation))
    bounds = _bounds([*field.metadata, *(m for arg in get_args(field.annotation) for m in _metadata(arg))])
    allowed = f"one of {choices}" if choices else bounds
    return "; ".join(part for part in (field.description, allowed) if part)


def _choices(annotation: Any) -> list[str]:  # noqa: ANN401
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return list(dict.fromkeys(choice for arg in get_args(annotation) for choice in _choices(arg)))


def _metadata(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(getattr(annotation, "__metadata__", ()))


def _bounds(metadata: list[Any]) -> str:
    """`0 to 1`, `> 0` and the like; empty where nothing is bounded."""
    limits = {
        name: bound
        for constraint in metadata
        for inner in (constraint, *getattr(constraint, "metadata", ()))
        for name in SYMBOLS
        if (bound := getattr(inner, name, None)) is not None
    }
    if {"ge", "le"} <= limits.keys():
        return f"{limits['ge']:g} to {limits['le']:g}"
    return ", ".join(f"{SYMBOLS[name]} {bound:g}" for name, bound in limits.items())


if __name__ == "__main__":
    sys.stdout.write(reference())
