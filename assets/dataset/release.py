"""One dataset of the clean rows of several batches: no duplicates among them, nothing banned, splits by root."""

import hashlib
import json
from collections.abc import Iterable, Sequence

import dagster as dg
import polars as pl
from pydantic import Field

from evergrow.assets import metadata as shown
from evergrow.assets.dataset.clean import COLUMNS as CLEAN_COLUMNS
from evergrow.assets.dataset.clean import COMPARED, as_rules, embedded
from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.funnel import bars, counted, driest, funnel, made_rounds
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import BATCHES_NAME, CLEAN, RELEASE, SEEDS, gate_name, stage_key
from evergrow.assets.tree_basis import BASIS
from evergrow.methods.quality.duplicates import mark_duplicates
from evergrow.methods.releasing.descent import Banned, why_banned
from evergrow.methods.releasing.picture import funnel_picture
from evergrow.methods.releasing.splits import root_keys, split
from evergrow.methods.releasing.targets import spread_best
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import IF_ANY, Lake
from evergrow.resources.lake.readable import GATES
from evergrow.resources.lake.versions import latest_materialization, note
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings, dataset

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
LIKENESS = {"minhash_similarity", "embedding_similarity", "shingle_words", "permutations"}  # settings of cleaning
WANTED = "wanted"  # metadata: the batches and rows that were asked for


class ReleaseConfig(dg.Config):
    """What a release is to hold."""

    batches: list[str] = Field([], description="batches whose clean rows it takes; none: all that have any")
    rows: int | None = Field(None, ge=1, description="how many rows exactly; empty: all")


def release_definitions(settings: Settings) -> dg.Definitions:
    """The asset `dataset/release`, its gate and its job."""
    rules = settings.release
    code = (rules, settings.cleaning.model_dump(include=LIKENESS))

    @dg.asset(
        key=RELEASE,
        group_name="dataset",
        deps=[CLEAN],
        code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
        metadata={GATES: [gate_name(STAGE)]},
        kinds={"polars"},
        pool="gpu",
    )
    def release(
        context: dg.AssetExecutionContext,
        config: ReleaseConfig,
        registry: dg.ResourceParam[Registry],
        lake: dg.ResourceParam[Lake],
        embedder: dg.ResourceParam[Embedder],
    ) -> pl.DataFrame:
        """The rows of the dataset with their splits; clean rows that it leaves out have the reason."""
        batches = chosen_batches(context.instance, config.batches)
        rows = pl.concat(
            [lake.scan(context.instance, CLEAN, batch, [gate_name("clean")]) for batch in batches]
        ).collect()
        forbidden = bans(registry)
        rows = rows.with_columns(
            reason=why_banned(rows, as_banned(forbidden), written(context.instance, lake, batches)),
            final_answer=pl.when(pl.col("task") != "code").then("final_answer"),  # of code it stands in the response
        )
        rows = _without_duplicates(rows, embedder, settings.cleaning)
        funnels = [funnel(context.instance, lake, b).filter(pl.col("stage") != STAGE) for b in batches]
        table = _split(_on_target(rows, config.rows, pl.concat(funnels)), rules)
        read = [latest_materialization(context.instance, CLEAN, batch) for batch in batches]
        context.add_output_metadata(
            {
                **note(record for record in read if record),
                BASIS: basis(forbidden),
                WANTED: wanted(config.batches, config.rows),
                "batches": ", ".join(batches),
                "splits": dg.MetadataValue.json(
                    dict(shown.kept(table)["split"].value_counts().sort("split").iter_rows())
                ),
                "funnel": shown.image(funnel_picture(pl.concat(funnels)), "where the rows went"),
                "funnel_text": dg.MetadataValue.md(_verbatim(funnels, batches)),
            }
        )
        return table

    # All batches that there are, whatever became of them: those that were never cleaned have nothing to compare with.
    @gate(release, STAGE, settings, {"clean": dg.AssetIn(CLEAN, metadata=IF_ANY)})
    def release_gate(table: pl.DataFrame, clean: pl.DataFrame) -> Facts:
        return {"requested": shown.kept(clean.filter(pl.col("batch").is_in(table["batch"].implode()))).height}

    job = dg.define_asset_job(
        STAGE, selection=dg.AssetSelection.assets(release), description="Makes one dataset of the clean rows."
    )
    return dg.Definitions(assets=[release], asset_checks=[release_gate], jobs=[job])


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


def wanted(batches: Sequence[str], rows: int | None) -> str:
    """What was asked of a release, as one text."""
    return json.dumps([sorted(batches), rows])


def basis(forbidden: Sequence[Ban]) -> str:
    """What a release depends on beside tables and rules: what is banned."""
    return hashlib.sha256(repr(list(forbidden)).encode()).hexdigest()[:12]


def as_banned(forbidden: Sequence[Ban]) -> Banned:
    """Bans by their kind."""
    by_kind = {kind: [ban.value for ban in forbidden if ban.kind == kind] for kind in ("seed", "model", "licence")}
    return Banned(by_kind["seed"], by_kind["model"], by_kind["licence"])


def written(instance: dg.DagsterInstance, lake: Lake, batches: Sequence[str]) -> pl.DataFrame:
    """Who wrote the samples of all rounds of these batches, and their seeds: `batch, id, generator_model`."""
    columns = ("batch", "id", "generator_model")
    tables = [pl.LazyFrame(schema=dict.fromkeys(columns, pl.String))]
    for batch in batches:
        seeds = lake.scan(instance, SEEDS, batch, gates=None)
        grown = set(columns) <= set(told_by_root(seeds.collect_schema()))
        keys = [stage_key(n, "accepted") for n in made_rounds(instance, batch)]
        rounds = [lake.scan(instance, key, batch, gates=None, rows="all") for key in keys]
        tables += [table.select(columns) for table in ([seeds, *rounds] if grown else rounds)]
    return pl.concat(tables).drop_nulls().collect()


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
    )


def _split(rows: pl.DataFrame, rules: dataset.Release) -> pl.DataFrame:
    stays = rows.filter(pl.col("reason").is_null())
    splits = split(stays, rules.validation_share, rules.test_share, rules.split_seed)
    placed = stays.select("batch", "id", split=splits)
    return rows.join(placed, on=["batch", "id"], how="left", maintain_order="left").select(COLUMNS)


def _verbatim(funnels: Iterable[pl.DataFrame], batches: Sequence[str]) -> str:
    return "\n".join(f"{batch}\n```\n{bars(rows)}\n```" for batch, rows in zip(batches, funnels, strict=True))
