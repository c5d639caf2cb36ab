"""One dataset of the clean rows of several batches: no duplicates among them, nothing banned, splits by root."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import dagster as dg
import polars as pl
from pydantic import Field

from evergrow.assets import metadata
from evergrow.assets.dataset.banned import (
    BANNED,
    LIFTED,
    as_banned,
    ban_files,
    basis,
    taken_down,
    why_not_in_release,
    written,
)
from evergrow.assets.dataset.clean import COLUMNS as CLEAN_COLUMNS
from evergrow.assets.dataset.clean import COMPARED, as_rules, embedded
from evergrow.assets.dataset.funnel import bars, counted, driest, funnel
from evergrow.assets.dataset.responses import with_reasoning
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.gates.measured import ComparedSets, MeasuredSet
from evergrow.assets.names import BATCHES_NAME, CLEAN, RELEASE
from evergrow.assets.table import Declaration, Source, Table, embedding_values, section_values
from evergrow.assets.text_sets import seed_texts
from evergrow.methods.quality.duplicates import mark_duplicates
from evergrow.methods.releasing.descent import why_banned
from evergrow.methods.releasing.funnel_picture import funnel_picture
from evergrow.methods.releasing.splits import root_keys, split
from evergrow.methods.releasing.targets import spread_best
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import (
    TAKEN_DOWN,
    TAKEN_FROM,
    latest_materialization,
    made_from,
    note,
    note_files,
    noted,
    rows_of,
)
from evergrow.resources.place import Place, Places
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.releases import ReleaseRequest, set_wish, wish
from evergrow.resources.settings import dataset

STAGE = "release"
COLUMNS = (*(name for name in CLEAN_COLUMNS if name not in ("draws", "reason")), "split", "reason")
FOUND = ("duplicate_of", "duplicate_batch", "similarity")
RAISE = {  # what lets more rows through a stage
    "collected": "lower evolution.intra_tree_min_distance, add seeds, or raise evolution.children or evolution.rounds",
    "responses": "name a stronger model under roles.responder, or raise its max_tokens; then run again",
    "verified": "name a stronger model under roles.responder and roles.tester, or let more verdicts go on "
    "(verification.keep)",
    "clean": "see `evergrow table dataset/clean --rows rejected` for the reasons, and `cleaning` in the settings",
    "release": "release other batches, or add seeds: what is lost here repeats other rows or is banned",
}
LIKENESS = ("minhash_similarity", "embedding_similarity", "shingle_words", "permutations")  # settings of cleaning


class ReleaseConfig(dg.Config):
    """What a release is to hold from now on; left out, it holds what it was last asked for."""

    batches: list[str] | None = Field(None, description="batches whose clean rows it takes; []: all that have any")
    rows: int | None = Field(None, ge=1, description="how many rows exactly; with batches and without rows: all")
    takedown: bool = Field(
        default=False, description="take what is banned out of what it holds, and change nothing else"
    )


def release_table() -> Table:
    """`dataset/release`, and its gate."""
    declared = Declaration(
        key=RELEASE,
        kind="release",
        group="dataset",
        job=STAGE,
        deps=[CLEAN],
        values=lambda settings: {
            **section_values(settings, "release"),
            **section_values(settings, "cleaning", *LIKENESS),
            **embedding_values(settings),
        },
        files=_files,
        sources=_sources,
        stage=STAGE,
        pool="gpu",
    )
    return declared.table(release, Gate(STAGE, _facts, sets=_sets))


def release(
    context: dg.AssetExecutionContext,
    config: ReleaseConfig,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """The rows of the dataset with their splits; clean rows that it leaves out have the reason."""
    place, instance = places.at(context, RELEASE), context.instance
    if config.takedown:
        if config.batches is not None or config.rows is not None:
            raise dg.Failure("a takedown changes nothing else: leave out batches and rows", allow_retries=False)
        return _taken_down(context, place, lake)
    if config.batches is not None or config.rows is not None:
        set_wish(place.registry, place.owner, config.batches or (), rows=config.rows)
    wanted, forbidden = wish(place.registry, place.owner) or ReleaseRequest(), bans(place.registry)
    batches, banned = chosen_batches(instance, wanted.batches), as_banned(forbidden)
    read = [lake.current(instance, CLEAN, batch) for batch in batches]
    rows = pl.concat([lake.version(record) for record in read], how="diagonal_relaxed").collect()
    rows = with_reasoning(rows).with_columns(
        reason=why_banned(rows, banned, written(instance, lake, read if banned.models else [])),
        final_answer=pl.when(pl.col("task") != "code").then("final_answer"),  # of code it stands in the response
    )
    rows = _without_duplicates(rows, embedders.at(place), place.settings.cleaning)
    funnels = [funnel(instance, lake, b).filter(pl.col("stage") != STAGE) for b in batches]
    table = _split(_on_target(rows, wanted.rows, pl.concat(funnels)), place.settings.release)
    context.add_output_metadata(
        {
            **note(read),
            **note_files({BANNED: basis(forbidden), LIFTED: None}),  # as it was when it was looked at
            "batches": ", ".join(batches),
            "splits": _splits(table),
            "funnel": metadata.image(funnel_picture(pl.concat(funnels)), "where the rows went"),
            "funnel_text": dg.MetadataValue.md(_verbatim(funnels, batches)),
            **metadata.sample(table, "content", "response", "split"),
        }
    )
    return table


def _taken_down(context: dg.AssetExecutionContext, place: Place, lake: Lake) -> pl.DataFrame:
    """The rows that the release holds, but for those that are banned now: a snapshot that nothing else changes.

    What it was made from stays what it is said to be made from, so that it is known when it falls behind.
    """
    version, forbidden = lake.current(context.instance, RELEASE, place.partition, guarded=False), bans(place.registry)
    before, release = made_from(version), lake.version(version, "all").collect()
    exact = (wish(place.registry, place.owner) or ReleaseRequest()).rows is not None
    left = taken_down(release, why_not_in_release(context.instance, lake, version, release, forbidden), exact=exact)
    files = {**before.files, BANNED: basis(forbidden)}
    drawn = {name: dg.MetadataValue.md(noted(version, name) or "") for name in ("funnel", "funnel_text")}
    context.add_output_metadata(
        {
            **replace(before, files=files).kept(),
            **drawn,
            "batches": noted(version, "batches"),
            TAKEN_FROM: noted(version, TAKEN_FROM) or version.storage_id,
            TAKEN_DOWN: left.replaceable + int(noted(version, TAKEN_DOWN) or 0),
            "splits": _splits(left.rows),
            **metadata.sample(left.rows, "content", "response", "split"),
        }
    )
    return left.rows


def _splits(table: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.json(dict(metadata.kept(table)["split"].value_counts().sort("split").iter_rows()))


def _files(place: Place) -> dict[str, str]:
    wanted = wish(place.registry, place.owner) or ReleaseRequest()
    return {
        **ban_files(place),
        "what the release is to hold": json.dumps([sorted(wanted.batches), wanted.rows]),
    }


def _sources(place: Place) -> list[Source]:
    wanted = wish(place.registry, place.owner) or ReleaseRequest()
    return [Source(CLEAN, batch) for batch in chosen_batches(place.instance, wanted.batches)]


def _facts(place: Place, table: pl.DataFrame) -> Facts:  # noqa: ARG001
    """One row for each clean row of the versions that the release was made from."""
    record = latest_materialization(place.instance, RELEASE, place.partition)
    read = made_from(record).read if record else ()
    counts = [rows_of(place.instance, one) for one in read]
    return {"requested": None if None in counts else sum(count for count in counts if count is not None)}


def _sets(place: Place, lake: Lake, table: pl.DataFrame) -> ComparedSets:
    kept = metadata.kept(table)
    seeds = seed_texts(lake, place.instance, kept["batch"].unique(maintain_order=True).to_list())
    return ComparedSets(MeasuredSet(kept["content"]), seeds)


def chosen_batches(instance: dg.DagsterInstance, named: Sequence[str]) -> list[str]:
    """The batches of a release: those that are named, or all that have clean rows.

    Raises:
        dg.Failure: there are none.
    """
    known = set(instance.get_dynamic_partitions(BATCHES_NAME))
    batches = list(dict.fromkeys(named)) or sorted(known & set(instance.get_materialized_partitions(CLEAN)))
    if not batches:
        raise dg.Failure("no batch has clean rows yet: `evergrow release --batch B` makes them", allow_retries=False)
    return batches


def _without_duplicates(rows: pl.DataFrame, embedder: Embedder, rules: dataset.Cleaning) -> pl.DataFrame:
    """Rows that repeat a better one of another batch get their reason; within a batch there are none left."""
    stays = rows.filter(pl.col("reason").is_null())
    if stays["batch"].n_unique() < 2:
        return rows
    every = embedded(embedder, stays.select(COMPARED), stays["content"])
    none = embedded(embedder, every.frame.clear(), pl.Series(dtype=pl.String))
    found = mark_duplicates(every, none, as_rules(rules), device=embedder.device)
    why = pl.format("duplicate: of {} in batch {}", "duplicate_of", "duplicate_batch")
    return rows.update(found.select("batch", "id", *FOUND, reason=why), on=["batch", "id"])


def _on_target(rows: pl.DataFrame, target: int | None, funnels: pl.DataFrame) -> pl.DataFrame:
    """Exactly `target` rows without a reason, if there is a target.

    Raises:
        dg.Failure: there are fewer; it names the stage that ran dry, and what would raise it.
    """
    stays = rows.filter(pl.col("reason").is_null())
    if target is None:
        return rows
    if stays.height < target:
        raise dg.Failure(_ran_dry(rows, target, funnels), allow_retries=False)
    taken = spread_best(stays, root_keys(stays), target)
    over = stays.filter(~taken).select("batch", "id", reason=pl.lit("beyond_target"))
    return rows.update(over, on=["batch", "id"])


def _ran_dry(rows: pl.DataFrame, target: int, funnels: pl.DataFrame) -> str:
    there = rows["reason"].null_count()
    sums = funnels.group_by("stage", maintain_order=True).agg(pl.col("requested", "accepted").sum())
    own = counted(STAGE, rows.lazy())
    ways = " > ".join(f"{stage} {accepted:,}" for stage, _, accepted in sums.iter_rows())
    stage = driest(sums.vstack(pl.DataFrame([(STAGE, own[1], own[-1])], schema=sums.schema, orient="row")), list(RAISE))
    remedy = RAISE[stage] if stage else "add seeds, or raise evolution.rounds or evolution.children"
    return (
        f"{there:,} of {target:,} rows are there ({ways} > {STAGE} {there:,}); "
        f"{f'most are lost in {stage}' if stage else 'nothing was lost on the way'}: {remedy}"
        + (f"; or ask for what is there: --rows {there}" if there else "")
    )


def _split(rows: pl.DataFrame, rules: dataset.Release) -> pl.DataFrame:
    stays = rows.filter(pl.col("reason").is_null())
    splits = split(stays, rules.validation_share, rules.test_share, rules.split_seed)
    placed = stays.select("batch", "id", split=splits)
    return rows.join(placed, on=["batch", "id"], how="left", maintain_order="left").select(COLUMNS)


def _verbatim(funnels: Iterable[pl.DataFrame], batches: Sequence[str]) -> str:
    return "\n".join(f"{batch}\n```\n{bars(rows)}\n```" for batch, rows in zip(batches, funnels, strict=True))
