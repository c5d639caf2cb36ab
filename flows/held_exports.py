"""Exports that hold what is to be forgotten: found, and written again without it, with no other rows than they held."""

from collections.abc import Generator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.names import COLLECTED
from evergrow.flows.concerned import Concerned
from evergrow.flows.release import released
from evergrow.flows.release_files import DoesNotLoad, write_files, write_instructions
from evergrow.flows.run import RunFailed
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.training_recipes import trainer_of
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.content_files import DamagedFile
from evergrow.resources.registry.exports import Export, exported_rows, exports, noted, out_of_reach
from evergrow.resources.registry.leases import BatchBusy, lease
from evergrow.resources.registry.owners import export_owner
from evergrow.resources.releases.folders import FolderTaken, clear_away, put_back
from evergrow.resources.releases.manifest import ManifestError, read_manifest
from evergrow.resources.releases.writing import NothingToRelease

NOT_FOUND = (
    "is not to be found: mount its disk, move it back, or finish on the machine that has it; if it was deleted, with "
    "all copies, `evergrow forget --gone {folder} --yes`"
)
# What may stand in the way of one, for whoever mends it: another process, a folder or the lake that is not sound.
IN_THE_WAY = (
    *(BatchBusy, RunFailed, dg.Failure, DamagedFile, ManifestError, FolderTaken, DoesNotLoad),
    *(OSError, pl.exceptions.PolarsError),
)


@dataclass(frozen=True, slots=True)
class HeldExport:
    """An export that holds `rows` (`batch, id`) to be forgotten, or may: `fault` says why nobody can tell."""

    export: Export
    rows: pl.DataFrame | None = None
    fault: str = ""

    def __str__(self) -> str:
        held = 0 if self.rows is None else self.rows.height
        return f"the export {self.export.folder} {self.fault or f'holds {held:,} of them'}"


class CannotBeWrittenAgain(Exception):  # noqa: N818 - it is a state of an export
    """An export cannot be made without what is to be forgotten; the message says why, and what to do."""


def affected_exports(workspace: Workspace, concerned: Concerned) -> list[HeldExport]:
    """Exports that hold some of these rows, and those that may, as they cannot be reached or read."""
    found = []
    for export in exports(workspace.registry):
        try:
            rows = concerned.held_by_export(export)
        except IN_THE_WAY as error:
            found.append(HeldExport(export, fault=f"cannot be read: {in_words(error)}"))
            continue
        if rows.height:
            found.append(HeldExport(export, rows))
    missed = _missed(out_of_reach(workspace.registry), concerned)
    return found + [HeldExport(export, fault=NOT_FOUND.format(folder=export.folder)) for export in missed]


def _missed(lost: Sequence[Export], concerned: Concerned) -> Sequence[Export]:
    """Those of the exports that are out of reach that may hold such rows; all, where no table can tell."""
    if not lost:
        return lost
    try:
        batches = set(concerned.everywhere["batch"])
    except IN_THE_WAY:
        return lost
    return [export for export in lost if batches & set(export.wanted.batches or batches)]


def exports_again(
    workspace: Workspace, banned: Concerned, writing: AbstractSet[Path]
) -> Generator[str, None, list[str]]:
    """Write every export again that holds `banned` rows; one that fails stops no other. Returns which are owed."""
    faults: dict[Path, str] = {}
    for export in noted(workspace.registry):
        if export.folder not in writing:
            try:
                put_back(export.folder)
                clear_away(export.folder)
            except OSError as error:
                faults[export.folder] = f"has beside it what a kill left, which cannot be removed: {error}"
    for held in affected_exports(workspace, banned):
        folder = held.export.folder
        if folder in writing:
            continue
        if held.rows is None:
            faults[folder] = held.fault
            continue
        try:
            yield _export_again(workspace, held.export, held.rows)
        except CannotBeWrittenAgain as error:
            faults[folder] = str(error)
        except FolderTaken as error:
            faults[folder] = f"is not written again: {error.what}; move that elsewhere"
        except IN_THE_WAY as error:
            faults[folder] = f"is not written again: {in_words(error)}"
    yield from (f"{folder} {fault}" for folder, fault in faults.items())
    return [str(folder) for folder in faults]


def _export_again(workspace: Workspace, export: Export, banned: pl.DataFrame) -> str:
    """Write an export without those of its rows that are `banned`, and with no others than it held.

    Returns what became of it.

    Raises:
        CannotBeWrittenAgain: its files stay as they are.
    """
    folder, key, holds = export.folder, ["batch", "id"], f"holds {banned.height:,} of them"
    delete = f"delete it with all its copies, then `evergrow forget --gone {folder} --yes`"
    stays = exported_rows(export).join(banned, on=key, how="anti")
    if stays.is_empty():
        raise CannotBeWrittenAgain(f"{holds}, and nothing else: {delete}")
    try:
        there = _source(workspace, export)
    except dg.Failure as error:
        why = f"what it was written from is closed ({in_words(error)})"
        raise CannotBeWrittenAgain(f"{holds}, and {why}: mend that, or {delete}") from error
    if stays.join(there, on=key, how="anti").height:
        raise CannotBeWrittenAgain(f"{holds}, and what it was written from has changed since: {delete}")
    try:
        if export.answered:
            trains = there.join(stays, on=key, how="semi").filter(split="train").height > 0
            trainer = trainer_of(read_manifest(folder).names) if trains else None
            write_files(workspace, folder, export.form, export.wanted, only=stays, trainer=trainer, name=export.release)
        else:
            with lease(workspace.registry, export_owner(folder)):
                kept = there.join(stays, on=key, how="semi")
                write_instructions(workspace, kept, folder, export.form, export.wanted)
    except NothingToRelease as error:
        raise CannotBeWrittenAgain(f"{holds}, and without them {error}: {delete}") from error
    except DoesNotLoad as error:
        raise CannotBeWrittenAgain(f"{holds}, and without them it does not load: {error}; or {delete}") from error
    return f"{folder} is written again without {counted(banned.height, 'rows')}; copies that you handed on are not"


def _source(workspace: Workspace, export: Export) -> pl.DataFrame:
    """The rows that an export was chosen from, as they are now: of the release, or collected ones."""
    if export.answered:
        return released(workspace, export.release)
    return pl.concat([workspace.table(COLLECTED, batch) for batch in export.wanted.batches]).collect()


def in_words(error: Exception) -> str:
    """What an error says."""
    return str(getattr(error, "description", None) or error)
