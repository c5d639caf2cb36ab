"""Where the value of each setting comes from: command line, environment, file, profile, or default."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic_settings import EnvSettingsSource

from evergrow.resources.settings.load import DELIMITER, EMBEDDED_PROFILE, PREFIX, Settings, load_settings, settings_file

PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting by its path, its value without passwords, and the source that gave it."""

    path: str
    value: object
    source: str


def origins(overrides: Mapping[str, Any] | None = None) -> list[Origin]:
    """Every setting, in the order of the reference.

    Raises:
        SettingsError: as `load_settings`.
    """
    settings, file = load_settings(overrides), settings_file()
    sources: list[tuple[str, Mapping[str, Any]]] = [
        ("--set", overrides or {}),
        ("environment", EnvSettingsSource(Settings)()),
        (str(file), (yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None) or {}),
    ]
    if settings.uses_embedded_model:
        sources.append(("profile of the embedded model", yaml.safe_load(EMBEDDED_PROFILE.read_text(encoding="utf-8"))))
    return [
        Origin(".".join(path), _shown(value), _source(path, sources))
        for path, value in _leaves(settings.model_dump(mode="json"))
    ]


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in values.items():
        path = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _source(path: tuple[str, ...], sources: list[tuple[str, Mapping[str, Any]]]) -> str:
    for name, given in sources:
        if _gives(given, path):
            return f"{PREFIX}{DELIMITER.join(path).upper()}" if name == "environment" else name
    return "default"


def _gives(given: object, path: tuple[str, ...]) -> bool:
    """Whether a source holds a value at the path; a value above it that is no mapping counts for all below."""
    for part in path:
        if not isinstance(given, Mapping):
            return given is not None
        if part not in given:
            return False
        given = given[part]
    return True


def _shown(value: object) -> object:
    return PASSWORD.sub(r"\1:***@", value) if isinstance(value, str) else value
