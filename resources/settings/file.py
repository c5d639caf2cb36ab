"""Writes values into the settings' file, whose comments and order stay."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.targets import writing


def write_settings(path: Path, sections: Sequence[str], values: Mapping[str, Any]) -> None:
    """Set `values` in a section, such as `("endpoints", "default")`, of the file at `path`, which may not be there yet.

    Raises:
        UnwritableError, DiskFullError: the file cannot be written.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only here

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long values stay on their line
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    settings = yaml.load(text)
    # A file of comments alone is no mapping whose comments the library could keep.
    before, settings = (text, {}) if settings is None else ("", settings)
    section = settings
    for part in sections:
        if section.get(part) is None:
            section[part] = {}
        section = section[part]
    section.update(values)
    written = StringIO()
    yaml.dump(settings, written)
    between = "" if not before or before.endswith("\n") else "\n"
    with writing(path):
        atomic_write(path, f"{before}{between}{written.getvalue()}".encode())
