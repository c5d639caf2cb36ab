"""Takes down what descends from a seed, a model or a licence: lists it, then makes releases without it, for good."""

from collections.abc import Generator, Iterator, Sequence

import dagster as dg
import polars as pl

from evergrow.assets.dataset.release import BANNED, as_banned, written
from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.names import CLEAN, COLLECTED, RELEASE, RESPONSES, SEEDS, VERIFIED, round_name, stage_key
from evergrow.assets.trust.rows import OF_ROOT
from evergrow.flows.release import made, released, remake_release
from evergrow.flows.release_files import DoesNotLoad, write_files
from evergrow.flows.run import Interrupted, RunFailed
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.descent import why_banned
from evergrow.methods.text.ids import escape_seed_id, unescape_seed_id
from evergrow.resources.lake.files import DamagedFile
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.lake.versions import latest_materialization, made_from
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.exports import Export, being_written, exported_rows, exports
from evergrow.resources.registry.leases import BatchBusy, lease
from evergrow.resources.registry.owners import release_owner
from evergrow.resources.registry.releases import release_names
from evergrow.resources.registry.takedowns import close_takedowns, open_takedowns, order_takedown
from evergrow.resources.releases.manifest import ManifestError
from evergrow.resources.releases.writing import FolderTaken, NothingToRelease

DESCENDANT = dict.fromkeys(("batch", "id", "stage", "why"), pl.String)
OWNER = "a takedown"  # of the lease: one process at a time finishes them
# What may stand in the way of one, for whoever mends it: another process, a folder or the lake that is not sound.
_IN_THE_WAY = (
    *(BatchBusy, RunFailed, dg.Failure, DamagedFile, ManifestError, FolderTaken, DoesNotLoad),
    *(OSError, pl.exceptions.PolarsError),
)


def bans_of(seeds: Sequence[str], models: Sequence[str], licences: Sequence[str]) -> list[Ban]:
    """What is to be forgotten; seeds may be named as their file does, or as tables do.

    Raises:
        ValueError: the id of a seed is empty or too long.
    """
    values = {"seed": [_root_id(seed) for seed in seeds], "model": models, "licence": licences}
    return [Ban(kind, value) for kind, named in values.items() for value in named]  # type: ignore[arg-type]


def descendants(workspace: Workspace, wanted: Sequence[Ban]) -> pl.DataFrame:
    """One row a sample, of whatever round: `batch, id`, the last `stage` that it came to, and `why` it is concerned."""
    found = [pl.DataFrame(schema=DESCENDANT)]
    if not wanted:
        return found[0]
    for batch in workspace.batches():
        rows = _samples(workspace, batch)
        if rows.height:
            made_by = written(workspace.instance, workspace.lake, [batch])
            why = why_banned(rows, as_banned(wanted), made_by)
            found.append(rows.select("batch", "id", "stage", why=why).drop_nulls("why"))
    return pl.concat(found)


def unheard_of(workspace: Workspace, wanted: Sequence[Ban], concerned: pl.DataFrame) -> list[Ban]:
    """Those of `wanted` that nothing descends from; `concerned` is what descends from any."""
    named = set(concerned["why"])  # only the first of several reasons
    unnamed = [ban for ban in wanted if f"forgotten: {ban}" not in named]
    return [ban for ban in unnamed if descendants(workspace, [ban]).is_empty()]


def affected_exports(workspace: Workspace, concerned: pl.DataFrame) -> list[tuple[Export, int]]:
    """Exports that hold some of these rows, each with how many."""
    held = [
        (e, exported_rows(e).join(concerned, on=["batch", "id"], how="semi").height)
        for e in exports(workspace.registry)
    ]
    return [(export, rows) for export, rows in held if rows]


def forget(workspace: Workspace, wanted: Sequence[Ban]) -> Iterator[str]:
    """Order the takedown, then make each release and each export that holds such rows without them; says what is done.

    The order is written down with the bans before the first step. From that moment no release that holds a banned row
    is read, so that no export of one is begun; what a kill leaves undone is done by whoever comes next.

    Raises:
        BatchBusy: another process finishes takedowns, or makes a release; the order is written down all the same.
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
        ordered = open_takedowns(workspace.registry)
        banned = descendants(workspace, bans(workspace.registry))  # an export may still hold what was ordered before
        failed = yield from _releases_again(workspace)
        # Looked up before the exports are: one that ends in between has been taken up by its own command.
        writing = being_written(workspace.registry)
        for export, rows in affected_exports(workspace, banned):
            if export.folder not in writing:
                yield _export_again(workspace, export, rows, banned)
        if writing:
            yield from (f"{folder} is being written: what is left is done after it" for folder in sorted(writing))
        else:
            close_takedowns(workspace.registry, ordered)
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
    except _IN_THE_WAY as error:
        said.append(f"a takedown is not finished: {getattr(error, 'description', None) or error}")
    return said


def _banned_since(workspace: Workspace, name: str) -> bool:
    """Whether something was banned since a release was made: then nobody may read it."""
    frontier, record = workspace.frontier, latest_materialization(workspace.instance, RELEASE, name)
    now = frontier.tables[RELEASE].files(frontier.place(workspace.instance, RELEASE, name))
    return record is not None and made_from(record).files.get(BANNED) != now[BANNED]


def _releases_again(workspace: Workspace) -> Generator[str, None, RunFailed | None]:
    """Make every release again that was made before something was banned; returns why one is closed now, if one is."""
    names = [name for name in release_names(workspace.registry) if made(workspace, name)]
    if not names:
        yield "there is no release to make again"
    failed = None
    for name in names:
        if not _banned_since(workspace, name):
            continue
        try:
            yield from _release_again(workspace, name)
        except RunFailed as error:
            if isinstance(error, Interrupted) or _banned_since(workspace, name):
                raise
            failed = error  # too little is left: it was made, and its gate keeps it closed
    return failed


def _release_again(workspace: Workspace, name: str) -> Iterator[str]:
    said: list[str] = []
    try:
        with lease(workspace.registry, release_owner(name)):
            remake_release(workspace, name, said.append)
    finally:
        yield from said
    yield f"release {name!r} is made again without them, of {released(workspace, name).height:,} rows"


def _export_again(workspace: Workspace, export: Export, rows: int, banned: pl.DataFrame) -> str:
    """Write an export without `rows` of its rows, which are `banned`, and with no others than it held.

    Returns what became of it.
    """
    folder, key = export.folder, ["batch", "id"]
    if not export.answered:
        named = " ".join(f"--batch {batch}" for batch in export.wanted.batches)
        return f"{folder} holds {rows:,} of them: `evergrow export {named} --out ...` writes it without them"
    stays = exported_rows(export).join(banned, on=key, how="anti")
    try:
        there = released(workspace, export.release)
    except dg.Failure:
        return f"{folder} still holds {rows:,} of them: delete it, and its copies"
    if stays.join(there, on=key, how="anti").height:
        return f"{folder} holds {rows:,} of them and is of an earlier release: delete it, and its copies"
    try:
        write_files(workspace, folder, export.form, export.wanted, only=stays, name=export.release)
    except NothingToRelease:
        return f"{folder} held nothing else: delete it, and its copies"
    return f"{folder} is written again without {rows:,} rows; copies that you handed on are not"


def _root_id(seed: str) -> str:
    return seed if seed == escape_seed_id(unescape_seed_id(seed)) else escape_seed_id(seed)


def _samples(workspace: Workspace, batch: str) -> pl.DataFrame:
    """Every sample of a batch with the last stage that holds it as kept, and what is known of its root and answer."""
    rounds = [(round_name(n), stage_key(n, "accepted"), batch) for n in workspace.made_rounds(batch)]
    later = [(key.path[-1], key, batch) for key in (COLLECTED, RESPONSES, VERIFIED, CLEAN)]
    columns = ("batch", "id", "root_id", "responder_model", *OF_ROOT)
    tables = []
    for stage, key, partition in [
        *rounds,
        *later,
        *((f"release {n}", RELEASE, n) for n in release_names(workspace.registry)),
    ]:
        try:
            table = workspace.lake.scan(workspace.instance, key, partition, guarded=False)
        except NeverMaterialized:
            continue
        there = set(table.collect_schema())
        told = [pl.col(name) if name in there else pl.lit(None, pl.String).alias(name) for name in columns]
        tables.append(table.filter(pl.col("batch") == batch).select(*told, stage=pl.lit(stage)))
    if not tables:
        return pl.DataFrame(schema=dict.fromkeys((*columns, "stage"), pl.String))
    latest = [pl.col(name).drop_nulls().last() for name in (*columns[2:], "stage")]
    rows = pl.concat(tables).group_by("batch", "id", maintain_order=True).agg(latest).collect()
    return _with_roots(workspace, rows, batch) if rows.height else rows  # its seeds may never have been made


def _with_roots(workspace: Workspace, rows: pl.DataFrame, batch: str) -> pl.DataFrame:
    seeds = workspace.lake.scan(workspace.instance, SEEDS, batch, guarded=False).collect()
    known = [name for name in OF_ROOT if name in told_by_root(seeds.schema)]
    return rows.update(seeds.select("root_id", *known), on="root_id") if known else rows
