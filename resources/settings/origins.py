"""Where the value of each setting comes from: command line, environment, file and line, profile, recipe, or default."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values
from pydantic_settings import EnvSettingsSource

from evergrow.resources.settings.load import (
    DELIMITER,
    DOTENV,
    EMBEDDED_PROFILE,
    PAPER_PROFILE,
    PREFIX,
    Settings,
    load_settings,
    settings_file,
)

PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")
PARAMETER = re.compile(r"([?&](?:password|token|key|secret|api_key)=)[^&\s]+", re.IGNORECASE)
ENVIRONMENT = "environment"
Lines = Mapping[tuple[str, ...], int]
Variables = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting by its path, its value without passwords, and the source that gave it."""

    path: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    given: Mapping[str, Any]
    lines: Lines = field(default_factory=dict)


def origins(overrides: Mapping[str, Any] | None = None, recipe: tuple[str, Settings] | None = None) -> list[Origin]:
    """Every setting, in the order of the reference; then the keys that endpoints name, masked.

    Args:
        overrides: of the command line, nested.
        recipe: what a batch, tree or release was asked to be made by: its name, and the settings that it makes; it goes
            before everything.

    Raises:
        SettingsError: as `load_settings`.
    """
    settings, file = load_settings(overrides), settings_file()
    # The file's own variables are the environment's by now, as everywhere.
    sources = [_Source("--set", overrides or {}), _Source(ENVIRONMENT, EnvSettingsSource(Settings)()), _of_file(file)]
    if settings.uses_embedded_model:
        sources.append(_of_file(EMBEDDED_PROFILE, "profile of the embedded model"))
    if settings.profile == "paper":
        sources.append(_of_file(PAPER_PROFILE, "profile of the papers"))
    dotenv = dotenv_values(Path.cwd() / DOTENV) if (Path.cwd() / DOTENV).is_file() else {}
    known = dict(_leaves(settings.model_dump(mode="json")))
    obeyed = dict(_leaves(recipe[1].model_dump(mode="json"))) if recipe else known
    return [
        Origin(
            ".".join(path), _shown(value),
            recipe[0] if recipe and known.get(path) != value else _source(path, sources, dotenv),
        )
        for path, value in obeyed.items()
    ] + list(_keys(settings, dotenv))  # fmt: skip


def _keys(settings: Settings, dotenv: Variables) -> Iterator[Origin]:
    """The variables that hold keys: whether they are set, never what they hold."""
    for name in dict.fromkeys(endpoint.api_key_env for endpoint in settings.endpoints.values()):
        yield Origin(name, "***" if os.environ.get(name) else "not set", _variable(name, dotenv))


def _of_file(path: Path, name: str | None = None) -> _Source:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return _Source(name or str(path), yaml.safe_load(text) or {}, {} if name else dict(_lines(yaml.compose(text))))


def _lines(node: yaml.Node | None, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """The line of each key of a file, from 1, by its path."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = (*above, str(key.value))
            yield path, key.start_mark.line + 1
            yield from _lines(value, path)


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in values.items():
        path = (*above, str(name))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _source(path: tuple[str, ...], sources: Sequence[_Source], dotenv: Variables) -> str:
    for source in sources:
        if _gives(source.given, path):
            if source.name == ENVIRONMENT:
                return _variable(f"{PREFIX}{DELIMITER.join(path).upper()}", dotenv)
            line = next((source.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in source.lines), None)
            return f"{source.name}:{line}" if line else source.name
    return "default"


def _variable(name: str, dotenv: Variables) -> str:
    """A variable, with the file `.env` where that is what set it."""
    told = dotenv.get(name)
    return f"{name} ({DOTENV})" if told is not None and told == os.environ.get(name) else name


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
    return PARAMETER.sub(r"\1***", PASSWORD.sub(r"\1:***@", value)) if isinstance(value, str) else value
