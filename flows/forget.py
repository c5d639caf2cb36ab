"""Takes down what descends from a seed, a model or a licence: lists it, then makes releases without it, for good."""

from collections.abc import Iterator, Sequence

import polars as pl

from evergrow.assets.dataset.release import as_banned, written
from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.names import CLEAN, COLLECTED, RELEASE, RESPONSES, SEEDS, VERIFIED, round_name, stage_key
from evergrow.flows.release import made, released, remake_release
from evergrow.flows.release_files import write_files
from evergrow.flows.run import RunFailed
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.descent import why_banned
from evergrow.methods.text.ids import escape_seed_id, unescape_seed_id
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.registry.bans import Ban, remember
from evergrow.resources.registry.exports import Export, exported_rows, exports
from evergrow.resources.registry.releases import release_names
from evergrow.resources.releases.writing import NothingToRelease

DESCENDANT = dict.fromkeys(("batch", "id", "stage", "why"), pl.String)
OF_ROOT = ("license", "leaf_id")


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
    for batch in workspace.batches():
        rows = _samples(workspace, batch)
        made_by = written(workspace.instance, workspace.lake, [batch]) if rows.height else pl.DataFrame()
        if rows.height:
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


def forget(workspace: Workspace, wanted: Sequence[Ban], concerned: pl.DataFrame) -> Iterator[str]:
    """Remember the bans, then make the release and every export that holds such rows without them; says what is done.

    Raises:
        RunFailed: the release cannot be made without them, as nothing is left of it; the bans hold all the same.
    """
    yield f"remembered: {', '.join(map(str, remember(workspace.registry, wanted)))}"
    every = affected_exports(workspace, concerned)
    for bare, rows in every:
        if not bare.answered:
            named = " ".join(f"--batch {batch}" for batch in bare.wanted.batches)
            yield f"{bare.folder} holds {rows:,} of them: `evergrow export {named} --out ...` writes it without them"
    touched = [(export, rows) for export, rows in every if export.answered]
    names = [name for name in release_names(workspace.registry) if made(workspace, name)]
    if not names:
        yield "there is no release to make again"
        return
    for name in names:
        said: list[str] = []
        try:
            remake_release(workspace, name, said.append)
        except RunFailed:
            yield from said
            yield from (
                f"{export.folder} still holds {rows:,} of them: delete it, and its copies" for export, rows in touched
            )
            raise
        yield from said
        yield f"release {name!r} is made again without them, of {released(workspace, name).height:,} rows"
    for export, rows in touched:
        yield _write_again(workspace, export, rows, concerned)


def _write_again(workspace: Workspace, export: Export, rows: int, concerned: pl.DataFrame) -> str:
    """Write an export without `rows` of its rows, and with no others than it held; returns what became of it."""
    key = ["batch", "id"]
    stays = exported_rows(export).join(concerned, on=key, how="anti")
    if stays.join(released(workspace, export.release), on=key, how="anti").height:
        return f"{export.folder} holds {rows:,} of them and is of an earlier release: delete it, and its copies"
    try:
        write_files(workspace, export.folder, export.form, export.wanted, only=stays, name=export.release)
    except NothingToRelease:
        return f"{export.folder} held nothing else: delete it, and its copies"
    return f"{export.folder} is written again without {rows:,} rows; copies that you handed on are not"


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
    return _with_roots(workspace, rows, batch)


def _with_roots(workspace: Workspace, rows: pl.DataFrame, batch: str) -> pl.DataFrame:
    seeds = workspace.lake.scan(workspace.instance, SEEDS, batch, guarded=False).collect()
    known = [name for name in OF_ROOT if name in told_by_root(seeds.schema)]
    return rows.update(seeds.select("root_id", *known), on="root_id") if known else rows
