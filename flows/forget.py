"""Takes down what descends from a seed, a model or a licence: lists it, then makes releases without it."""

from collections.abc import Generator, Iterator, Sequence

import polars as pl

from evergrow.assets.dataset.banned import clear, stands
from evergrow.assets.names import RELEASE
from evergrow.flows.concerned import Concerned
from evergrow.flows.descendants import descendants
from evergrow.flows.held_exports import IN_THE_WAY, exports_again, in_words
from evergrow.flows.release import made, release_command, released, take_down
from evergrow.flows.run import Interrupted, judge
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.methods.text.ids import escape_seed_id, unescape_seed_id
from evergrow.resources.lake.readable import GateState
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.exports import being_written
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import release_owner
from evergrow.resources.registry.releases import release_names
from evergrow.resources.registry.takedowns import close_takedowns, lift_bans, open_takedowns, order_takedown

_LOOK_UP = {
    "seed": "`evergrow show BATCH` and `evergrow tree show TREE` have the ids of seeds and leaves",
    "model": "`evergrow cost` has the names of all models that were asked",
    "licence": "`evergrow show BATCH` has the licences of seeds",
}
OWNER = "a takedown"  # of the lease: one process at a time finishes them


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


class TakedownOwed(Exception):  # noqa: N818 - it is a state of the project
    """Exports may still hold what is to be forgotten; the message names them and the remedy."""


def affected_releases(workspace: Workspace, concerned: Concerned) -> list[str]:
    """Which releases hold some of these rows, and how many."""
    held = {name: concerned.held_by_release(name) for name in _made_releases(workspace)}
    return [f"the release {name!r} holds {rows:,} of them" for name, rows in held.items() if rows]


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


def lift(workspace: Workspace, wanted: Sequence[Ban]) -> Iterator[str]:
    """Take bans back, in all their spellings; says what is done. Releases stay as they are until they are made anew.

    Raises: as `forget`.
    """
    if banned := _same_bans(workspace, wanted):
        lift_bans(workspace.registry, banned)
        yield f"still banned: {', '.join(map(str, bans(workspace.registry))) or 'nothing'}"
    yield from finish_takedowns(workspace)


def not_banned(workspace: Workspace, wanted: Sequence[Ban]) -> list[Ban]:
    """Those of `wanted` that are not banned, so that there is nothing to lift.

    Raises:
        NothingDescends: nothing here ever came of one of them, so that its name is likely wrong.
    """
    free = [ban for ban in sorted(set(wanted)) if not _same_bans(workspace, [ban])]
    for ban in free:
        if descendants(workspace, [ban]).is_empty() and not _wrote(workspace, ban):
            raise NothingDescends(f"{ban} is not banned: `evergrow forget` lists what is; nothing was changed")
    return free


def _same_bans(workspace: Workspace, wanted: Sequence[Ban]) -> list[Ban]:
    """Those of the bans that there are that mean the same as any of `wanted`."""
    return [ban for ban in bans(workspace.registry) if any(ban.means(other) for other in wanted)]


def finish_takedowns(workspace: Workspace) -> Iterator[str]:
    """Do what is left of every takedown that was ordered; says what is done, and nothing where none is open.

    Raises: as `forget`.
    """
    if not open_takedowns(workspace.registry):
        return
    with lease(workspace.registry, OWNER):
        close_dead_runs(workspace.instance, workspace.registry)  # of a command that was killed in a takedown
        ordered, forbidden = open_takedowns(workspace.registry), bans(workspace.registry)
        failed = yield from _releases_again(workspace, forbidden)
        banned = Concerned(workspace, forbidden)  # an export may still hold what was ordered before
        # Looked up before the exports are: one that ends in between has been taken up by its own command.
        writing = being_written(workspace.registry)
        owed = yield from exports_again(workspace, banned, writing)
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
    except (*IN_THE_WAY, TakedownOwed) as error:
        said.append(f"a takedown is not finished: {in_words(error)}")
    return said


def _banned_since(workspace: Workspace, name: str) -> bool:
    """Whether something was banned since a release was made or looked through: then nobody may read it."""
    version = latest_materialization(workspace.instance, RELEASE, name)
    return version is not None and not stands(workspace.frontier.place(workspace.instance, RELEASE, name), version)


def _made_releases(workspace: Workspace) -> list[str]:
    named = {*release_names(workspace.registry), *workspace.instance.get_materialized_partitions(RELEASE)}
    return [name for name in sorted(named) if made(workspace, name)]


def _releases_again(workspace: Workspace, forbidden: Sequence[Ban]) -> Generator[str, None, Exception | None]:
    """Take what is banned out of every release that was made before it was; one that fails stops no other.

    Returns why one is closed now, or could not be made, if there is one.
    """
    names = _made_releases(workspace)
    if not names:
        yield "there is no release to make again"
    failed: Exception | None = None
    for name in names:
        try:
            if _banned_since(workspace, name):
                yield _release_again(workspace, name, forbidden)
            else:
                _judge_again(workspace, name)
        except Interrupted:
            raise
        except IN_THE_WAY as error:  # too little is left, its file is damaged, or somebody makes it
            yield in_words(error)
            failed = error
    return failed


def _judge_again(workspace: Workspace, name: str) -> None:
    """Have a release judged that a kill has kept from it: no export is written from what nobody has judged."""
    standing = workspace.frontier.standing(workspace.instance, RELEASE, name)
    if standing.gate and standing.gate.state in (GateState.STALE, GateState.MISSING):
        with lease(workspace.registry, release_owner(name)):
            judge(workspace, standing)


def _release_again(workspace: Workspace, name: str, forbidden: Sequence[Ban]) -> str:
    """Make a release without those of its rows that are `forbidden`; one that has none stays as it is, gate and all.

    Returns what became of it.
    """
    with lease(workspace.registry, release_owner(name)):
        concerned = Concerned(workspace, forbidden)
        if not concerned.held_by_release(name):
            back = concerned.left_out_no_more(name)
            clear(workspace.frontier.place(workspace.instance, RELEASE, name), forbidden, back)
            more = f"; what was lifted it has again by `{release_command(workspace, name)}`" if back else ""
            return f"release {name!r} holds nothing that is banned and stays as it is{more}"
        take_down(workspace, name)
    left = counted(released(workspace, name).height, "rows")
    return f"release {name!r} is made again without what is banned, of {left}"


def _root_id(seed: str) -> str:
    return seed if seed == escape_seed_id(unescape_seed_id(seed)) else escape_seed_id(seed)
