"""Texts made of a sample's fields: `{name}` is replaced by a value, and nothing else has a meaning.

Templates come from a domain's author, values from a model: a value is inserted once and never read as a template.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

Flat: TypeAlias = str | list[str]
Template: TypeAlias = Flat | dict[str, Flat]
_PLACE = re.compile(r"\{(\w+)\}")


def names(template: Template) -> set[str]:
    """The names that a template uses."""
    if isinstance(template, str):
        return set(_PLACE.findall(template))
    parts = template if isinstance(template, list) else template.values()
    return {name for part in parts for name in names(part)}


def fill(template: str, values: Mapping[str, object]) -> str:
    """`template` with its names replaced; lines that end up blank at either end are cut off.

    Raises:
        KeyError: it uses a name that has no value.
    """
    return _PLACE.sub(lambda place: str(values[place[1]]), template).strip()


def build(template: Template, values: Mapping[str, object]) -> object:
    """A record: every text of a nested template filled in; a text that is nothing but one name keeps the value's type.

    Raises:
        KeyError: it uses a name that has no value.
    """
    if isinstance(template, str):
        alone = _PLACE.fullmatch(template)
        return values[alone[1]] if alone else fill(template, values)
    if isinstance(template, list):
        return [build(part, values) for part in template]
    return {key: build(part, values) for key, part in template.items()}
