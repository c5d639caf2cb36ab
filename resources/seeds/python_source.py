"""Finds the source of a Python package, module or folder, and its licence, without importing any of it."""

import importlib.metadata
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from evergrow.resources.seeds.languages import BY_SUFFIX
from evergrow.resources.seeds.licenses import folder_license
from evergrow.resources.seeds.source import SeedError, SourceFault

HARVESTED = {".py", ".ipynb", *BY_SUFFIX}
NO_LICENSE = "UNKNOWN"
MAX_LICENSE_CHARS = 80  # some packages put the licence's whole text where its name belongs


@dataclass(frozen=True, slots=True)
class SourceTree:
    """Where source lies: a single file, or folders (several for a namespace package).

    `label` is the path that its files are known by, such as `xml/dom`; `license` an SPDX identifier or the words of the
    package's author, None if unknown.
    """

    label: str
    roots: tuple[Path, ...]
    license: str | None = None


def locate(target: str) -> tuple[SourceTree, list[str]]:
    """The source of `target`, and notes for the user. A bare name that is a package and a folder is the package.

    Raises:
        SeedError: there is nothing of the name, or it has no Python source.
    """
    path = Path(target).expanduser()
    is_name = all(part.isidentifier() for part in target.split("."))
    spec = _find_spec(target) if is_name else None
    if spec is not None and not (path.is_dir() and _is_at(spec, path)):
        both = f"{target!r} is a package and a folder here: the package was taken, ./{target} is the folder"
        return _module_tree(target, spec), [both] if path.exists() else []
    if target and path.is_dir():
        return _path_tree(path.resolve()), []
    if path.is_file() and path.suffix in HARVESTED:
        return _path_tree(path.resolve()), []
    if target and path.exists():
        raise SeedError(
            target, [SourceFault("is neither a folder nor a source file: use `seeds add` for files of seeds")]
        )
    where = "is no package or module that is installed here, nor a folder or source file"
    raise SeedError(target, [SourceFault(f"{where}: check its name, or install it into the environment of evergrow")])


def _is_at(spec: ModuleSpec, folder: Path) -> bool:
    """Whether the package is that very folder: the working directory may be on the search path."""
    return any(Path(location).resolve() == folder.resolve() for location in spec.submodule_search_locations or ())


def _find_spec(name: str) -> ModuleSpec | None:
    """What `importlib.util.find_spec` finds, which however imports the parents of a dotted name."""
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        parent = spec.submodule_search_locations if spec else None
        if depth > 1 and parent is None:
            return None
        spec = _ask_finders(".".join(parts[:depth]), parent)
    return spec


def _ask_finders(name: str, parent: list[str] | None) -> ModuleSpec | None:
    # Files come first: modules that are also frozen into the interpreter, such as os, have no path there.
    spec = PathFinder.find_spec(name, parent)
    for finder in sys.meta_path:
        spec = spec or finder.find_spec(name, parent)
    return spec


def _module_tree(name: str, spec: ModuleSpec) -> SourceTree:
    label = name.replace(".", "/")
    if spec.submodule_search_locations is not None:
        folders = tuple(Path(folder) for folder in spec.submodule_search_locations if Path(folder).is_dir())
        if folders:
            return SourceTree(label, folders, _package_license(name))
    elif spec.origin and spec.origin.endswith(".py") and Path(spec.origin).is_file():
        return SourceTree(label, (Path(spec.origin),), _package_license(name))
    what = "is built into the interpreter" if spec.origin in {"built-in", "frozen", None} else "is compiled"
    raise SeedError(name, [SourceFault(f"{what}, so there is no Python source to read: name another module or folder")])


def _path_tree(path: Path) -> SourceTree:
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    in_standard = path.is_relative_to(standard) and not {"site-packages", "dist-packages"} & set(path.parts)
    license_name = "PSF-2.0" if in_standard else folder_license(path if path.is_dir() else path.parent)
    return SourceTree(path.stem if path.is_file() else path.name, (path,), license_name)


def _package_license(name: str) -> str | None:
    """What the installed distribution says; SPDX expression before free words before the trove classifier."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "PSF-2.0"
    said = set()
    for distribution in importlib.metadata.packages_distributions().get(top, ()):
        metadata = importlib.metadata.metadata(distribution)
        words = [
            *(metadata.get_all("License-Expression") or ()),
            *(metadata.get_all("License") or ()),
            *_classifiers(metadata.get_all("Classifier") or ()),
        ]
        said.add(next((word.strip() for word in words if _is_a_name(word.strip())), None))
    return said.pop() if len(said) == 1 else None


def _is_a_name(word: str) -> bool:
    return 0 < len(word) <= MAX_LICENSE_CHARS and "\n" not in word and word != NO_LICENSE


def _classifiers(classifiers: Iterable[str]) -> list[str]:
    """The licence that the trove classifiers name, if they name one only."""
    licenses = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: ")]
    return licenses if len(licenses) == 1 else []
