"""Writes values into the settings' file, whose comments, order, indents and ends of lines stay."""

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from evergrow.resources.host.destinations import writing
from evergrow.resources.host.files import atomic_write

# A key without a value, and below it a deeper one; the library guesses the indent of lists alone.
NESTED = re.compile(
    r"^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*\1(?P<deeper> +)[^\s#-]", re.MULTILINE
)


def write_settings(path: Path, sections: Sequence[str], values: Mapping[str, Any]) -> None:
    """Set `values` in a section, such as `("endpoints", "default")`, of the file at `path`, which may not be there yet.

    Raises:
        UnwritableError, DiskFullError: the file cannot be written.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 - only here
    from ruamel.yaml.util import load_yaml_guess_indent  # noqa: PLC0415 - only here

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long values stay on their line
    found = path.read_bytes().decode() if path.exists() else ""
    text = found.replace("\r\n", "\n")
    settings, indent, dash = load_yaml_guess_indent(text, yaml=yaml)
    if mapping := NESTED.search(text):
        yaml.indent(mapping=len(mapping["deeper"]))
    if indent and dash is not None:
        yaml.indent(sequence=indent, offset=dash)
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
    whole = f"{before}{between}{written.getvalue()}"
    with writing(path):
        atomic_write(path, (whole if text == found else whole.replace("\n", "\r\n")).encode())
