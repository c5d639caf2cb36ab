"""Reading domain files: found by name, validated, and every fault named with its file, line and key."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from evergrow.methods.text.plain_yaml import UnplainError, composed
from evergrow.methods.treesynth.domain import Domain

SHIPPED = Path(__file__).with_name("domains")
MAX_FAULTS = 10
_NAMED = re.compile(r"([a-z_]+(?:\.\w+)*): (.*)", re.DOTALL)  # a rule about several keys names the one at fault


class DomainError(Exception):
    """A domain that does not exist or whose file is faulty; the message names file, line and key, and the remedy."""


def known_domains(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """Domain files by name; those of `folders` go before the shipped ones, the first before the second."""
    found: dict[str, Path] = {}
    for folder in (*folders, SHIPPED):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_domain(name: str, folders: Sequence[Path] = ()) -> Domain:
    """The domain called `name`.

    Raises:
        DomainError: there is none, a folder of the user's does not exist, or the file is faulty.
    """
    for folder in folders:
        if not folder.is_dir():
            raise DomainError(f"{folder} is no folder: set treesynth.domains to the folder of your domain files")
    known = known_domains(folders)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "write one, and set treesynth.domains to its folder"
        raise DomainError(f"unknown domain {name[:80]!r}; there are {', '.join(sorted(known))}: {remedy}")
    return read_domain(known[name])


def read_domain(path: Path) -> Domain:
    """The domain in the file `path`.

    Raises:
        DomainError: with every fault of the file.
    """
    try:
        return parse_domain(path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise DomainError(f"{path}: cannot be read: {error.strerror}; check its path and permissions") from error
    except UnicodeDecodeError as error:
        raise DomainError(f"{path}: is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def parse_domain(text: str, path: Path) -> Domain:
    """The domain that `text` describes; `path` is its file, whose name is the domain's.

    Raises:
        DomainError: with every fault, each with its line and key.
    """
    try:
        document, data = composed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        what = problem if isinstance(error, UnplainError) else f"is not YAML: {problem}"
        raise DomainError(f"{path}, line {mark.line + 1 if mark else '?'}: {what}") from error
    if not isinstance(data, dict) or document is None:
        raise DomainError(f"{path}, line 1: must hold keys such as `name:` and `space:`")
    faults = list(_twice(document, ()))
    try:
        domain = Domain.model_validate(data)
    except ValidationError as error:
        faults += [
            _fault(document, fault["loc"], fault["type"], fault["msg"], fault["input"]) for fault in error.errors()
        ]
        domain = None
    if domain and domain.name != path.stem:
        faults.append(_fault(document, ("name",), "", f"is {domain.name!r}, but the file is called {path.name}", None))
    if faults or domain is None:
        lines = [f"{path}, line {line}: {key}: {what}" for line, key, what in sorted(faults)[:MAX_FAULTS]]
        more = len(faults) - len(lines)
        raise DomainError("\n".join([*lines, *([f"and {more} more"] if more else [])]))
    return domain


def _fault(document: yaml.Node, loc: Sequence[Any], kind: str, message: str, given: object) -> tuple[int, str, str]:
    message = message.removeprefix("Value error, ")
    if not loc and (named := _NAMED.match(message)):
        loc, message = tuple(named[1].split(".")), named[2]
    key = ".".join(str(part) for part in loc if part != "[key]") or "the domain"
    if kind == "extra_forbidden":
        known = difflib.get_close_matches(str(loc[-1]), [*Domain.model_fields, "dimension", "values", "says"], n=1)
        message = "no such key" + (f"; did you mean {known[0]!r}?" if known else "")
    elif kind == "missing":
        message = "is missing"
    elif kind in ("string_type", "string_pattern_mismatch"):
        message = f"{message}, not {given!r}: put text in quotes"
    return _line(document, loc), key, message


def _line(node: yaml.Node, loc: Sequence[Any]) -> int:
    """The line, from 1, of what `loc` names, or of the nearest thing around it."""
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _twice(node: yaml.Node, above: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    """Keys that stand twice in one mapping: YAML would take the last and say nothing."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, ".".join([*above, str(key.value)]), "stands twice: leave one out"
            seen.add(key.value)
            yield from _twice(value, (*above, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for place, part in enumerate(node.value):
            yield from _twice(part, (*above, str(place)))
