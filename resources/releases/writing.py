"""Writes a release: a file per split, a card, a picture of the funnel and a manifest, all of them or none.

Everything is written into a folder beside the target, which then takes its place (`folders`).
"""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from evergrow.methods.releasing.digests import row_digests, set_digest
from evergrow.methods.releasing.formats import Form, Shaped, shape
from evergrow.methods.releasing.funnel_picture import funnel_picture
from evergrow.methods.releasing.licences import resolve, seed_licences
from evergrow.methods.releasing.splits import SPLITS
from evergrow.methods.releasing.training_recipes import Trainer, recipe_files
from evergrow.resources.host.destinations import writing
from evergrow.resources.host.files import sync_folder
from evergrow.resources.host.full_disk import naming_full_disk
from evergrow.resources.releases.attestation import Signer, attestation
from evergrow.resources.releases.card import write_card
from evergrow.resources.releases.croissant import CROISSANT, croissant
from evergrow.resources.releases.facts import Facts
from evergrow.resources.releases.folders import clear_away, require_room, require_unchanged, swap, taken_over
from evergrow.resources.releases.manifest import (
    ATTESTATION,
    CARD,
    FUNNEL,
    MANIFEST,
    FileEntry,
    Manifest,
    RowSet,
    file_entry,
)

Recipe = Callable[[Mapping[str, str]], Mapping[str, bytes]]  # from data files by split to files beside them
BLOCK = 20_000  # rows that are JSON at once
# Ends of lines to some readers of text, and never escaped by writers of JSON: a line of the file stays a line.
LINE_ENDS = {"\u0085": rb"\u0085", "\u2028": rb"\u2028", "\u2029": rb"\u2029"}


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
            taken_over(target, manifest)
        check(part)  # which takes a while, in which a person may edit what stands there, or put something beside it
        with writing(target), naming_full_disk(f"the export {target}"):
            for name in (kept := taken_over(target, manifest)):
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
            swap(part, target, lambda old: require_unchanged(old, part, target, kept))
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


def _store(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
