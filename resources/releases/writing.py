"""Writes a release: a file per split, a card, a picture of the funnel and a manifest, all of them or none.

Everything is written into a folder beside the target, which is then renamed. There is one moment, between the renames
of the old folder and the new one, at which a crash leaves neither under the name: the old one is then beside it, as
`.NAME.*.old`. A release under its own name is always whole. A killed process may leave `.NAME.*.part` behind. Both go
when the folder is written again, or with a takedown.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from evergrow.methods.releasing.digests import row_digests, set_digest
from evergrow.methods.releasing.formats import Form, Shaped, shape
from evergrow.methods.releasing.funnel_picture import funnel_picture
from evergrow.methods.releasing.licences import resolve, seed_licences
from evergrow.methods.releasing.splits import SPLITS
from evergrow.methods.releasing.training_recipes import CONFIGURATIONS, Trainer, recipe_files
from evergrow.resources.host.destinations import naming, writing
from evergrow.resources.host.files import sync_folder
from evergrow.resources.host.full_disk import naming_full_disk
from evergrow.resources.releases.attestation import Signer, attestation
from evergrow.resources.releases.card import write_card
from evergrow.resources.releases.croissant import CROISSANT, croissant
from evergrow.resources.releases.facts import Facts
from evergrow.resources.releases.manifest import (
    ATTESTATION,
    CARD,
    FUNNEL,
    MANIFEST,
    FileEntry,
    Manifest,
    ManifestError,
    RowSet,
    edited,
    file_entry,
    read_manifest,
)

Recipe = Callable[[Mapping[str, str]], Mapping[str, bytes]]  # from data files by split to files beside them
BLOCK = 20_000  # rows that are JSON at once
# Ends of lines to some readers of text, and never escaped by writers of JSON: a line of the file stays a line.
LINE_ENDS = {"\u0085": rb"\u0085", "\u2028": rb"\u2028", "\u2029": rb"\u2029"}
OTHER_FOLDER = "name another folder with --out"


class FolderTaken(Exception):  # noqa: N818 - it is a state of the folder
    """The folder holds something that is no release; the message names it and the remedy, `what` it alone."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: {OTHER_FOLDER}")
        self.what = what


class NothingToRelease(Exception):  # noqa: N818 - it is a state of the rows
    """No row has a place in the form; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class WrittenRelease:
    """A release that was written: its folder, its rows by split, and how many the form left out, by why.

    notes: sentences that its user should read.
    """

    folder: Path
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    notes: Sequence[str] = ()


def write_release(
    rows: pl.DataFrame,
    folder: Path,
    form: Form,
    facts: Facts,
    trainer: Trainer | None = None,
    signer: Signer | None = None,
    check: Callable[[Path], None] = lambda _: None,
    note: Callable[[Path], None] = lambda _: None,
) -> WrittenRelease:
    """Write `rows` into `folder`, in `form`; an earlier release there is replaced. Equal arguments make equal bytes.

    rows: those of `dataset/release`, `(batch, id)` unique, with `split`; order does not matter.
    trainer: whose ready configuration is put beside the data.
    signer: vouches for the manifest.
    check: is given the folder beside, when it holds all files.
    note: is given it when it is about to take its place. What either raises goes through, and keeps it from that.

    Raises:
        FolderTaken: the folder holds files of others, or is a file.
        NothingToRelease: no row has a place in this form.
        ValueError: a row is there twice, or in a split that there is not.
        TypeError: a column has a type that no trainer reads.
        UnwritableError, DiskFullError: the folder cannot be written; what was there is still there.
    """
    target = folder.resolve()
    require_room(target)
    _require_sound(rows)
    shaped = shape(rows, form, answered=facts.answered, reasoning=facts.reasoning)
    shaped = replace(shaped, left_out={**facts.left_out, **shaped.left_out})
    if shaped.rows.is_empty():
        why = ", ".join(f"{count:,} {what}" for what, count in shaped.left_out.items()) or "there is no row"
        raise NothingToRelease(f"nothing to release as {form}: {why}; write parquet, which holds every row")

    def recipe(files: Mapping[str, str]) -> Mapping[str, bytes]:
        return recipe_files(trainer, target.name, files) if trainer else {}

    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with writing(target), naming_full_disk(f"the export {target}"):
            part.mkdir()
            manifest = _fill(part, rows, shaped, facts, recipe)
            _taken_over(target, manifest)
        check(part)  # which takes a while, in which a person may edit what stands there, or put something beside it
        with writing(target), naming_full_disk(f"the export {target}"):
            for name in (kept := _taken_over(target, manifest)):
                (part / name).unlink()
                _store(part / name, (target / name).read_bytes())
            if kept:  # what is vouched for is what lies there
                (part / MANIFEST).unlink()
                _store(part / MANIFEST, manifest.keeping([file_entry(part / name) for name in kept]).to_bytes())
            if signer:
                _store(part / ATTESTATION, attestation(part, signer))
            sync_folder(part)
        note(part)
        with writing(target), naming_full_disk(f"the export {target}"):
            _swap(part, target, lambda old: _require_unchanged(old, part, target, kept))
            clear_away(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    counts = dict(shaped.rows.group_by("split").len().iter_rows())
    notes = [
        f"{name} was edited since it was exported, and stays as it was edited; delete it to have it anew"
        for name in kept
    ]
    by_split: dict[str, int] = {split: counts[split] for split in SPLITS if split in counts}
    return WrittenRelease(folder, by_split, shaped.left_out, notes)


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


def _require_sound(rows: pl.DataFrame) -> None:
    twice = rows.filter(pl.struct("batch", "id").is_duplicated())
    if twice.height:
        raise ValueError(f"row {twice['id'][0]!r} of batch {twice['batch'][0]!r} is there more than once")
    strange = rows.filter(~pl.col("split").is_in(SPLITS).fill_null(value=False))
    if strange.height:
        raise ValueError(f"row {strange['id'][0]!r} is in split {strange['split'][0]!r}; there are {', '.join(SPLITS)}")


def _fill(folder: Path, source: pl.DataFrame, shaped: Shaped, facts: Facts, recipe: Recipe) -> Manifest:
    every = shaped.rows.partition_by("split", as_dict=True, include_key=False)
    parts: dict[str, pl.DataFrame] = {split: every[split,] for split in SPLITS if (split,) in every}
    names = {split: f"{split}.{'parquet' if shaped.form == 'parquet' else 'jsonl'}" for split in parts}
    kept = source.join(shaped.rows.select("batch", "id"), on=["batch", "id"], how="semi")
    # The card first: it refuses types that no file can hold.
    _store(folder / CARD, write_card(kept, shaped, names, facts).encode())
    for split, part in parts.items():
        _write(folder / names[split], part)
    _store(folder / FUNNEL, funnel_picture(facts.funnel).encode())
    beside = recipe(names)
    for name, data in beside.items():
        _store(folder / name, data)
    files = [file_entry(folder / names[split], split) for split in parts]
    licence, schema = resolve(seed_licences(kept), facts.license), shaped.rows.drop("split").schema
    _store(folder / CROISSANT, croissant(kept, schema, files, licence, facts))
    files += [file_entry(folder / name) for name in (CARD, CROISSANT, FUNNEL, *beside)]
    manifest = _manifest(files, kept, parts, shaped, facts).sealed()
    _store(folder / MANIFEST, manifest.to_bytes())
    return manifest


def _manifest(
    files: Sequence[FileEntry], kept: pl.DataFrame, parts: Mapping[str, pl.DataFrame], shaped: Shaped, facts: Facts
) -> Manifest:
    digests = {split: row_digests(part) for split, part in parts.items()}
    every = [digest for several in digests.values() for digest in several]
    checked = facts.benchmarks.checked.to_dicts() if facts.benchmarks else None
    return Manifest.model_validate(
        {
            "name": facts.name,
            "date": facts.date,
            "form": shaped.form,
            "answered": shaped.answered,
            "selection": facts.selection,
            **({"reasoning": True} if facts.reasoning else {}),
            "batches": list(facts.batches),
            "trees": list(facts.trees),
            "files": files,
            "rows": RowSet(rows=len(every), digest=set_digest(every)),
            "splits": {split: RowSet(rows=len(d), digest=set_digest(d)) for split, d in digests.items()},
            "columns": {name: str(kind) for name, kind in shaped.rows.drop("split").schema.items()},
            "left_out": dict(shaped.left_out),
            "license": resolve(seed_licences(kept), facts.license).name,
            "models": facts.models.to_dicts(),
            "prompts": dict(facts.prompts),
            "price_tables": list(facts.price_tables),
            "benchmarks": checked,
            "benchmarks_missing": list(facts.benchmarks.missing) if facts.benchmarks else [],
            "lake": dict(facts.lake),
            "gates": facts.gates.to_dicts(),
            "settings_digest": facts.settings_digest,
            "code_version": facts.code_version,
        }
    )


def _write(path: Path, rows: pl.DataFrame) -> None:
    with path.open("xb") as file:
        if path.suffix == ".parquet":
            rows.write_parquet(file, compression="zstd")
        else:
            for block in rows.iter_slices(BLOCK):
                file.write(_one_line_each(block.write_ndjson().encode()))
        file.flush()
        os.fsync(file.fileno())


def _one_line_each(lines: bytes) -> bytes:
    for end, escaped in LINE_ENDS.items():
        lines = lines.replace(end.encode(), escaped)
    return lines


def _taken_over(target: Path, manifest: Manifest) -> list[str]:
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


def _store(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _require_unchanged(old: Path, part: Path, target: Path, kept: Sequence[str]) -> None:
    """Refuse to remove what a person did in the last moment to the release that is to be replaced, now at `old`.

    Raises:
        FolderTaken: something was put there, or was edited after it was taken over.
    """
    foreign = names_in(old) - _own_names(old)
    if foreign or _edits(old) != kept or any((old / n).read_bytes() != (part / n).read_bytes() for n in kept):
        raise FolderTaken(f"{target} was changed while it was written again{f' ({min(foreign)})' if foreign else ''}")


def _swap(part: Path, target: Path, check: Callable[[Path], None]) -> None:
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
