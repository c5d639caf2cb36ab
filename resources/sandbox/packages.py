"""The third-party packages that programs may import: of an environment of their own, or of evergrow's."""

import importlib.metadata
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path

from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.settings import dataset

# What answers use most. Where the settings name none, those of them that are installed are there.
COMMON = ("numpy", "pandas")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"\bextra\s*==")


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages of the sandbox.

    Attributes:
        modules: names by which they are imported, sorted.
        versions: of the distributions that were named.
        paths: the files and folders of these and of all that they need.
    """

    modules: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    @staticmethod
    def of(rules: dataset.SandboxSettings) -> "Packages":
        """Those that the settings name, or of `COMMON` those that are there.

        Raises:
            SandboxUnavailable: one that is named is not installed.
        """
        return _found(rules.packages, rules.environment)


@cache
def _found(named: tuple[str, ...] | None, environment: Path | None) -> Packages:
    installed = _installed(environment)
    missing = [name for name in named or () if _key(name) not in installed]
    if missing:
        where = f"in {environment}" if environment else "in evergrow's own environment"
        raise SandboxUnavailable(
            f"sandbox.packages names {', '.join(missing)}, not installed {where}: "
            f'make sandbox-env WITH="{" ".join(named or ())}", then set sandbox.environment to what it says'
        )
    chosen = [installed[key] for name in (COMMON if named is None else named) if (key := _key(name)) in installed]
    modules = {module for one in chosen for module in _modules(one)}
    paths = {path for one in _with_needs(chosen, installed) for path in _paths(one)}
    versions = tuple(sorted(f"{one.name}=={one.version}" for one in chosen))
    return Packages(tuple(sorted(modules)), versions, tuple(sorted(paths)))


def _installed(environment: Path | None) -> Mapping[str, Distribution]:
    """All distributions of a virtual environment (None: evergrow's), by their normalised name."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = [str(environment / "lib" / version / "site-packages")] if environment else sys.path
    return {_key(one.name): one for one in reversed(list(importlib.metadata.distributions(path=path)))}


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_needs(chosen: Iterable[Distribution], installed: Mapping[str, Distribution]) -> Iterable[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = list(chosen)
    while waiting:
        one = waiting.pop()
        if _key(one.name) in found:
            continue
        found[_key(one.name)] = one
        for text in one.requires or ():
            name = _NAME.match(text)
            if name and not _EXTRA.search(text) and (needed := installed.get(_key(name[0]))):
                waiting.append(needed)
    return found.values()


def _paths(one: Distribution) -> set[Path]:
    """The entries of site-packages that are its own."""
    tops = {file.parts[0] for file in one.files or () if file.parts[0] not in {"..", "__pycache__"}}
    return {path for top in tops if (path := Path(str(one.locate_file(top)))).exists()}


def _modules(one: Distribution) -> set[str]:
    names = {path.name.split(".")[0] for path in _paths(one) if path.suffix not in {".dist-info", ".libs", ".pth"}}
    return {name for name in names if name.isidentifier() and not name.startswith("_")}
