"""The folder of an export: what stands in it, what a kill left beside it, and how another takes its place, or none.

What is written lies beside the target until it is renamed. There is one moment, between the renames of the old folder
and the new one, at which a crash leaves neither under the name: the old one is then beside it, as `.NAME.*.old`. A
release under its own name is always whole. A killed process may leave `.NAME.*.part` behind. Both go when the folder is
written again, or with a takedown.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from evergrow.methods.releasing.training_recipes import CONFIGURATIONS
from evergrow.resources.host.destinations import naming
from evergrow.resources.host.files import sync_folder
from evergrow.resources.releases.manifest import ATTESTATION, MANIFEST, Manifest, ManifestError, edited, read_manifest

OTHER_FOLDER = "name another folder with --out"


class FolderTaken(Exception):  # noqa: N818 - it is a state of the folder
    """The folder holds something that is no release; the message names it and the remedy, `what` it alone."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: {OTHER_FOLDER}")
        self.what = what


def put_back(folder: Path) -> None:
    """Have a release that a kill left beside its place, between two renames, be there again; nobody may be writing it.

    Raises:
        OSError: it cannot be moved.
    """
    target = folder.resolve()
    old = [path for path in _beside(target) if path.suffix == ".old" and (path / MANIFEST).exists()]
    if old and not target.exists():
        max(old, key=lambda path: path.stat().st_mtime_ns).rename(target)
        sync_folder(target.parent)


def clear_away(folder: Path) -> None:
    """Remove what killed processes left beside a release; nobody may be writing it.

    Raises:
        OSError: it cannot be removed.
    """
    for path in _beside(folder.resolve()):
        shutil.rmtree(path)


def _beside(target: Path) -> list[Path]:
    name = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.(part|old)")
    there = target.parent.iterdir() if target.parent.is_dir() else ()
    return [path for path in there if name.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]


def require_room(folder: Path) -> None:
    """Refuse a folder that holds anything but a release.

    Raises:
        FolderTaken: it does.
        UnwritableError: it cannot even be looked at.
    """
    found = names_in(folder)
    if not found:
        return
    if foreign := found - _own_names(folder):
        raise taken(folder, foreign, "no release of evergrow's wrote")


def _own_names(folder: Path) -> AbstractSet[str]:
    try:
        return read_manifest(folder).names | {ATTESTATION}
    except ManifestError:
        return frozenset()


def names_in(folder: Path) -> set[str]:
    """What a folder to be written holds; nothing if it is not there.

    Raises:
        FolderTaken: it is a file.
        UnwritableError: it cannot even be looked at.
    """
    with naming(folder):
        if folder.exists() and not folder.is_dir():
            raise FolderTaken(f"{folder} is a file")
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def taken(folder: Path, foreign: AbstractSet[str], whose: str) -> FolderTaken:
    """The error that a folder holds `foreign` names; `whose` says, in a few words, who did not write them."""
    names = sorted(foreign)
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return FolderTaken(f"{folder} holds what {whose} ({listed})")


def taken_over(target: Path, manifest: Manifest) -> list[str]:
    """Names of what was edited of a trainer's configuration, and stays when `manifest` takes its place.

    Raises:
        FolderTaken: no such file takes its place.
    """
    edits = _edits(target)
    if lost := [name for name in edits if name not in manifest.names]:
        raise FolderTaken(f"{target} holds {lost[0]}, which was edited since it was exported, and would be lost")
    return edits


def _edits(folder: Path) -> list[str]:
    """Names of the files of a trainer's configuration that were edited since they were exported."""
    if not (folder / MANIFEST).is_file():
        return []
    before = read_manifest(folder)
    paths = (folder / entry.path for entry in before.files)
    there = [path.name for path in paths if path.is_file() and not path.is_symlink()]  # as `edited`
    changed = {entry.path for entry in before.files if edited(folder, entry)} | (CONFIGURATIONS & set(before.edited))
    return [name for name in there if name in changed]


def require_unchanged(old: Path, part: Path, target: Path, kept: Sequence[str]) -> None:
    """Refuse to remove what a person did in the last moment to the release that is to be replaced, now at `old`.

    Raises:
        FolderTaken: something was put there, or was edited after it was taken over.
    """
    foreign = names_in(old) - _own_names(old)
    if foreign or _edits(old) != kept or any((old / n).read_bytes() != (part / n).read_bytes() for n in kept):
        raise FolderTaken(f"{target} was changed while it was written again{f' ({min(foreign)})' if foreign else ''}")


def swap(part: Path, target: Path, check: Callable[[Path], None]) -> None:
    """Have `part` take the place of what is at `target`, which `check` may still refuse to be removed."""
    old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
    if target.exists():
        target.rename(old)
    try:
        if old.exists():
            check(old)
        part.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    sync_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)
