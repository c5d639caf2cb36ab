"""Takes down what descends from a seed, a model or a licence: lists it, then makes releases without it, for good."""

from collections.abc import Generator, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.dataset.banned import BANNED, clear
from evergrow.assets.names import COLLECTED, RELEASE
from evergrow.flows.descendants import descendants
from evergrow.flows.release import made, released, take_down
from evergrow.flows.release_files import DoesNotLoad, write_files, write_instructions
from evergrow.flows.run import Interrupted, RunFailed, judge
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.training_recipes import trainer_of
from evergrow.methods.text.counts import counted
from evergrow.methods.text.ids import escape_seed_id, unescape_seed_id
from evergrow.resources.lake.content_files import DamagedFile
from evergrow.resources.lake.readable import GateState
from evergrow.resources.lake.versions import latest_materialization, made_from
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.exports import Export, being_written, exported_rows, exports, noted, out_of_reach
from evergrow.resources.registry.leases import BatchBusy, lease
from evergrow.resources.registry.owners import export_owner, release_owner
from evergrow.resources.registry.releases import release_names
from evergrow.resources.registry.takedowns import close_takedowns, open_takedowns, order_takedown
from evergrow.resources.releases.manifest import ManifestError, read_manifest
from evergrow.resources.releases.writing import FolderTaken, NothingToRelease, clear_away, put_back

NOT_FOUND = (
    "is not to be found: mount its disk, move it back, or finish on the machine that has it; if it was deleted, with "
    "all copies, `evergrow forget --gone {folder} --yes`"
)
_LOOK_UP = {
    "seed": "`evergrow show BATCH` and `evergrow tree show TREE` have the ids of seeds and leaves",
    "model": "`evergrow cost` has the names of all models that were asked",
    "licence": "`evergrow show BATCH` has the licences of seeds",
}
OWNER = "a takedown"  # of the lease: one process at a time finishes them
# What may stand in the way of one, for whoever mends it: another process, a folder or the lake that is not sound.
_IN_THE_WAY = (
    *(BatchBusy, RunFailed, dg.Failure, DamagedFile, ManifestError, FolderTaken, DoesNotLoad),
    *(OSError, pl.exceptions.PolarsError),
)


class NothingDescends(Exception):  # noqa: N818 - it says what is so
    """What is to be forgotten was never here; the message names it, and where names are found."""


def bans_of(seeds: Sequence[str], models: Sequence[str], licences: Sequence[str]) -> list[Ban]:
    """What is to be forgotten; seeds may be named as their file does, or as tables do.

    Raises:
        ValueError: the id of a seed is empty or too long.
    """
    values = {"seed": [_root_id(seed) for seed in seeds], "model": models, "licence": licences}
    return [Ban(kind, value) for kind, named in values.items() for value in named]  # type: ignore[arg-type]


def require_known(workspace: Workspace, wanted: Sequence[Ban], concerned: pl.DataFrame) -> None:
    """Do nothing if something descends from each of `wanted`, or it is banned; `concerned` is what descends from any.

    Raises:
        NothingDescends: nothing here ever came of one of them.
    """
    named = set(concerned["why"])  # only the first of several reasons
    for ban in sorted({ban for ban in wanted if f"forgotten: {ban}" not in named} - {*bans(workspace.registry)}):
        if descendants(workspace, [ban]).is_empty() and not _wrote(workspace, ban):
            raise NothingDescends(
                f"nothing here descends from {ban}: {_LOOK_UP[ban.kind]}; nothing was changed, nothing is remembered"
            )


def _wrote(workspace: Workspace, ban: Ban) -> bool:
    """Whether a model has answered anything, though no row holds it."""
    with workspace.ledger() as ledger:
        return ban.kind == "model" and ban.value in ledger.costs.grouped(("model",))["model"].to_list()


@dataclass(frozen=True, slots=True)
class HeldExport:
    """An export that holds `rows` of what is to be forgotten, or may hold some: `fault` says why nobody can tell."""

    export: Export
    rows: int = 0
    fault: str = ""

    def __str__(self) -> str:
        return f"the export {self.export.folder} {self.fault or f'holds {self.rows:,} of them'}"


class CannotBeWrittenAgain(Exception):  # noqa: N818 - it is a state of an export
    """An export cannot be made without what is to be forgotten; the message says why, and what to do."""


class TakedownOwed(Exception):  # noqa: N818 - it is a state of the project
    """Exports may still hold what is to be forgotten; the message names them and the remedy."""


def affected_exports(workspace: Workspace, concerned: pl.DataFrame) -> list[HeldExport]:
    """Exports that hold some of these rows, and those that may, as they cannot be reached or read."""
    found = []
    for export in exports(workspace.registry):
        try:
            rows = exported_rows(export).join(concerned, on=["batch", "id"], how="semi").height
        except _IN_THE_WAY as error:
            found.append(HeldExport(export, fault=f"cannot be read: {_words(error)}"))
            continue
        if rows:
            found.append(HeldExport(export, rows))
    batches = set(concerned["batch"])
    missed = [e for e in out_of_reach(workspace.registry) if batches & set(e.wanted.batches or batches)]
    return found + [HeldExport(export, fault=NOT_FOUND.format(folder=export.folder)) for export in missed]


def affected_releases(workspace: Workspace, concerned: pl.DataFrame) -> list[str]:
    """Which releases hold some of these rows, and how many."""
    held = {name: _held(workspace, name, concerned) for name in _made_releases(workspace)}
    return [f"the release {name!r} holds {rows:,} of them" for name, rows in held.items() if rows]


def _held(workspace: Workspace, name: str, concerned: pl.DataFrame) -> int:
    table = workspace.lake.ungated(workspace.instance, RELEASE, name, "kept")
    if table is None:
        return 0
    return table.select("batch", "id").collect().join(concerned, on=["batch", "id"], how="semi").height


def forget(workspace: Workspace, wanted: Sequence[Ban]) -> Iterator[str]:
    """Order the takedown, then make each release and each export that holds such rows without them; says what is done.

    The order is written down with the bans before the first step. From that moment no release that holds a banned row
    is read, so that no export of one is begun; what a kill leaves undone is done by whoever comes next.

    Raises:
        BatchBusy: another process finishes takedowns, or makes a release; the order is written down all the same.
        TakedownOwed: an export cannot be reached, read or written; all others are done, and the takedown stays open.
        RunFailed: a release cannot be made without them, as nothing is left of it, or was interrupted; the bans hold.
    """
    order_takedown(workspace.registry, wanted)
    yield f"remembered: {', '.join(map(str, bans(workspace.registry)))}"
    yield from finish_takedowns(workspace)


def finish_takedowns(workspace: Workspace) -> Iterator[str]:
    """Do what is left of every takedown that was ordered; says what is done, and nothing where none is open.

    Raises: as `forget`.
    """
    if not open_takedowns(workspace.registry):
        return
    with lease(workspace.registry, OWNER):
        close_dead_runs(workspace.instance, workspace.registry)  # of a command that was killed in a takedown
        ordered, forbidden = open_takedowns(workspace.registry), bans(workspace.registry)
        banned = descendants(workspace, forbidden)  # an export may still hold what was ordered before
        failed = yield from _releases_again(workspace, forbidden, banned)
        # Looked up before the exports are: one that ends in between has been taken up by its own command.
        writing = being_written(workspace.registry)
        owed = yield from _exports_again(workspace, banned, writing)
        yield from (f"{folder} is being written: what is left is done after it" for folder in sorted(writing))
        unmade = [name for name in _made_releases(workspace) if _banned_since(workspace, name)]
        if not writing and not owed and not unmade:
            close_takedowns(workspace.registry, ordered)
    if owed:
        raise TakedownOwed(
            f"{len(owed):,} exports may still hold what is to be forgotten: {', '.join(owed)}; mend what is said of "
            "each, then the next release, export or forget finishes it"
        ) from failed
    if failed:
        raise failed


def _exports_again(
    workspace: Workspace, banned: pl.DataFrame, writing: AbstractSet[Path]
) -> Generator[str, None, list[str]]:
    """Write every export again that holds what is `banned`; one that fails stops no other. Returns which are owed."""
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
        if held.fault:
            faults[folder] = held.fault
            continue
        try:
            yield _export_again(workspace, held.export, held.rows, banned)
        except CannotBeWrittenAgain as error:
            faults[folder] = str(error)
        except FolderTaken as error:
            faults[folder] = f"is not written again: {error.what}; move that elsewhere"
        except _IN_THE_WAY as error:
            faults[folder] = f"is not written again: {_words(error)}"
    yield from (f"{folder} {fault}" for folder, fault in faults.items())
    return [str(folder) for folder in faults]


def finish_if_any(workspace: Workspace) -> list[str]:
    """`finish_takedowns` for a command that does other work: what stands in the way is said, and stops nothing.

    Raises:
        Interrupted: it was interrupted.
    """
    said: list[str] = []
    try:
        said += finish_takedowns(workspace)
    except Interrupted:
        raise
    except (*_IN_THE_WAY, TakedownOwed) as error:
        said.append(f"a takedown is not finished: {_words(error)}")
    return said


def _words(error: Exception) -> str:
    return str(getattr(error, "description", None) or error)


def _banned_since(workspace: Workspace, name: str) -> bool:
    """Whether something was banned since a release was made: then nobody may read it."""
    frontier, record = workspace.frontier, latest_materialization(workspace.instance, RELEASE, name)
    now = frontier.tables[RELEASE].files(frontier.place(workspace.instance, RELEASE, name))
    return record is not None and made_from(record).files.get(BANNED) != now[BANNED]


def _made_releases(workspace: Workspace) -> list[str]:
    return [name for name in release_names(workspace.registry) if made(workspace, name)]


def _releases_again(
    workspace: Workspace, forbidden: Sequence[Ban], banned: pl.DataFrame
) -> Generator[str, None, RunFailed | None]:
    """Take what is banned out of every release that was made before it was; one that fails stops no other.

    Returns why one is closed now, or could not be made, if there is one.
    """
    names = _made_releases(workspace)
    if not names:
        yield "there is no release to make again"
    failed = None
    for name in names:
        try:
            if _banned_since(workspace, name):
                yield _release_again(workspace, name, forbidden, banned)
            else:
                _judge_again(workspace, name)
        except RunFailed as error:
            if isinstance(error, Interrupted):
                raise
            yield _words(error)  # too little is left, and its gate keeps it closed, or its file is damaged
            failed = error
    return failed


def _judge_again(workspace: Workspace, name: str) -> None:
    """Have a release judged that a kill has kept from it: no export is written from what nobody has judged."""
    standing = workspace.frontier.standing(workspace.instance, RELEASE, name)
    if standing.gate and standing.gate.state in (GateState.STALE, GateState.MISSING):
        with lease(workspace.registry, release_owner(name)):
            judge(workspace, standing)


def _release_again(workspace: Workspace, name: str, forbidden: Sequence[Ban], banned: pl.DataFrame) -> str:
    """Make a release without those of its rows that are `banned`; one that has none stays as it is, gate and all.

    `banned` are the rows that descend from what is `forbidden`, which was read before they were looked up.

    Returns what became of it.
    """
    with lease(workspace.registry, release_owner(name)):
        if not _held(workspace, name, banned):
            clear(workspace.frontier.place(workspace.instance, RELEASE, name), forbidden)
            return f"release {name!r} holds none of them and stays as it is"
        take_down(workspace, name)
    return f"release {name!r} is made again without them, of {counted(released(workspace, name).height, 'rows')}"


def _export_again(workspace: Workspace, export: Export, rows: int, banned: pl.DataFrame) -> str:
    """Write an export without `rows` of its rows, which are `banned`, and with no others than it held.

    Returns what became of it.

    Raises:
        CannotBeWrittenAgain: its files stay as they are.
    """
    folder, key, holds = export.folder, ["batch", "id"], f"holds {rows:,} of them"
    delete = f"delete it with all its copies, then `evergrow forget --gone {folder} --yes`"
    stays = exported_rows(export).join(banned, on=key, how="anti")
    if stays.is_empty():
        raise CannotBeWrittenAgain(f"{holds}, and nothing else: {delete}")
    try:
        there = _source(workspace, export)
    except dg.Failure as error:
        why = f"what it was written from is closed ({_words(error)})"
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
    return f"{folder} is written again without {counted(rows, 'rows')}; copies that you handed on are not"


def _source(workspace: Workspace, export: Export) -> pl.DataFrame:
    """The rows that an export was chosen from, as they are now: of the release, or collected ones."""
    if export.answered:
        return released(workspace, export.release)
    return pl.concat([workspace.table(COLLECTED, batch) for batch in export.wanted.batches]).collect()


def _root_id(seed: str) -> str:
    return seed if seed == escape_seed_id(unescape_seed_id(seed)) else escape_seed_id(seed)
