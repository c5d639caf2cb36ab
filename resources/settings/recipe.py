"""The recipe of a batch, tree or release: the settings that shape its rows, apart from those of the machine.

Where models are asked, how many at once, what they cost and where files lie shapes nothing; a recipe holds none of it.
"""

import sys
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from evergrow.resources.settings.load import Settings, SettingsError, report
from evergrow.resources.settings.roles import Role, Roles

AUTOMATE = "automate"  # how far sensors take the owner by themselves, see `sensors.automate`
SECTIONS = (
    *("evolution", "solvers", "treesynth", "answers", "verification", "sandbox"),
    *("cleaning", "release", "gates", "embedding"),
)
OF_ROLE = ("model", "temperature", "max_tokens")
OF_MACHINE = {
    "treesynth": {"domains"},
    "cleaning": {"benchmarks"},
    "sandbox": {"workers", "environment"},
    "embedding": {"endpoint", "device", "backend", "batch_tokens", "trust_remote_code"},
}


def recipe_of(settings: Settings, automate: str | None = None) -> dict[str, Any]:
    """The recipe that these settings make, as plain JSON values: `{"evolution": {...}, ..., "automate": "none"}`."""
    dumped = settings.model_dump(mode="json", include=set(SECTIONS))
    sections = {s: {n: v for n, v in dumped[s].items() if n not in OF_MACHINE.get(s, ())} for s in SECTIONS}
    roles = {name: _of_role(settings.role(name)) for name in Roles.model_fields}
    return {"roles": roles, **sections, AUTOMATE: automate or settings.sensors.automate}


def with_recipe(settings: Settings, recipe: Mapping[str, Any]) -> Settings:
    """The settings of this machine, but for what the recipe says.

    A name that this version does not know any more is passed over; one that the recipe lacks is as the settings say.

    Raises:
        SettingsError: a value is of the wrong type or out of range; the message names each.
    """
    update: dict[str, Any] = {}
    try:
        for section in (name for name in SECTIONS if name in recipe):
            update[section] = _merged(getattr(settings, section), recipe[section])
        known = {name: role for name, role in recipe.get("roles", {}).items() if name in Roles.model_fields}
        roles = {name: _merged(settings.role(name), role) for name, role in known.items()}
    except ValueError as error:
        raise SettingsError(report(None, [f"the recipe: {error}"])) from error
    return settings.model_copy(update={**update, "roles": settings.roles.model_copy(update=roles)})


def flat(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The recipe by the paths of its settings, such as `evolution.beam`."""
    found: dict[str, Any] = {}
    for name, value in recipe.items():
        path = f"{prefix}{name}"
        found |= flat(value, f"{path}.") if isinstance(value, Mapping) and value else {path: value}
    return found


def as_typed(value: object) -> str:
    """A value as a person types it behind `PATH=`, which is read as YAML: `null`, `true`, a text without quotes."""
    told = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=isinstance(value, str) and value.isprintable(), width=sys.maxsize
    )
    return str(told).removesuffix("...\n").removesuffix("\n")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings in which two recipes differ, by path, with both values; None where one of them has none."""
    old, new = flat(before), flat(after)
    paths = [path for path in {**old, **new} if old.get(path) != new.get(path)]
    return {path: (old.get(path), new.get(path)) for path in paths}


def _of_role(role: Role) -> dict[str, Any]:
    return {name: value for name, value in role.model_dump(mode="json").items() if name in OF_ROLE}


def _merged(section: BaseModel, values: Mapping[str, Any]) -> BaseModel:
    """The section with these values, checked; sections within it likewise."""
    known = {name: value for name, value in values.items() if name in type(section).model_fields}
    inner = {
        name: _merged(getattr(section, name), value).model_dump()
        for name, value in known.items()
        if isinstance(getattr(section, name), BaseModel) and isinstance(value, Mapping)
    }
    return type(section).model_validate({**section.model_dump(), **known, **inner})
