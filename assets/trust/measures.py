"""Measures of whole tables: each stage of a batch, the samples of a tree, a release; against the first and the last."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.dataset.funnel import made_rounds
from evergrow.assets.names import (
    COLLECTED,
    MEASURES,
    RELEASE,
    SAMPLES,
    SEEDS,
    level_key,
    round_name,
    shard_names,
    shard_partition,
    stage_key,
)
from evergrow.assets.table import Table
from evergrow.assets.trust.sets import set_table
from evergrow.methods.measures.report import TextSet, differences, leaf_measures, measures, reference_coverage, table
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.place import Places
from evergrow.resources.settings import Settings

SHOWN = ("mean_pairwise_similarity", "novelsum", "vendi_score")  # numbers of the last stage that the UI plots


@dataclass(frozen=True, slots=True)
class Stage:
    """A table that is measured: its name, its texts, and rows by leaf where it lies in the leaves of a tree."""

    name: str
    texts: pl.Series
    leaves: tuple[int, ...] = ()


def measures_table() -> Table:
    """`quality/measures`, which has no gate: other gates may name what it measures."""
    return set_table(MEASURES, "measures", quality_measures)


def quality_measures(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """One row per stage and measure, with what it has more than the first stage, and than the one before."""
    of, place = context.partition_key, places.at(context, MEASURES)
    stages = list(_stages(context.instance, lake, place.settings, of))
    if not stages:
        raise dg.Failure(f"there is nothing of {of!r} to measure yet", allow_retries=False)
    found = pl.concat(_measured(of, stages, embedders.at(place)))
    last = found.filter(pl.col("stage") == stages[-1].name)
    shown = dict(last.filter(pl.col("measure").is_in(SHOWN)).select("measure", "value").drop_nulls().iter_rows())
    context.add_output_metadata({"stages": ", ".join(stage.name for stage in stages), **shown})
    return found


def _measured(of: str, stages: list[Stage], embedder: Embedder) -> Iterator[pl.DataFrame]:
    first: TextSet | None = None
    before: TextSet | None = None
    for stage in stages:
        now = TextSet(stage.texts, embedder.embed(stage.texts.to_list()), embedder.device)
        listed = [*measures(now), *(leaf_measures(stage.leaves) if stage.leaves else [])]
        listed += [reference_coverage(now, first)] if first else []
        compared = [differences(now, other) if other else {} for other in (first, before)]
        yield table(listed).select(
            pl.lit(of).alias("of"),
            pl.lit(stage.name).alias("stage"),
            "measure",
            "value",
            *(
                pl.col("measure").replace_strict(known, default=None, return_dtype=pl.Float64).alias(name)
                for name, known in zip(("against_first", "against_before"), compared, strict=True)
            ),
            "rows",
            "better",
            "source",
        )
        first, before = first or now, now


def _stages(instance: dg.DagsterInstance, lake: Lake, settings: Settings, of: str) -> Iterator[Stage]:
    """The tables of a batch, a tree or a release, as they are today, whatever their gates say: measuring is looking."""
    kind, _, name = of.partition(":")
    if kind == "batch":
        accepted = [(round_name(n), stage_key(n, "accepted")) for n in made_rounds(instance, name)]
        for stage, key in [("seeds", SEEDS), *accepted, ("collected", COLLECTED)]:
            if latest_materialization(instance, key, name):
                yield Stage(stage, _texts(lake, instance, key, name)["content"])
    elif kind == "tree":
        shards = [shard_partition(name, shard) for shard in shard_names(settings.treesynth.shards)]
        made = [shard for shard in shards if latest_materialization(instance, SAMPLES, shard)]
        if made:
            rows = pl.concat([_texts(lake, instance, SAMPLES, shard) for shard in made], how="diagonal_relaxed")
            yield Stage("samples", rows["content"], _leaf_counts(instance, lake, settings, name, rows))
    elif kind == "release" and latest_materialization(instance, RELEASE, name):
        yield Stage("release", _texts(lake, instance, RELEASE, name)["content"])


def _leaf_counts(
    instance: dg.DagsterInstance, lake: Lake, settings: Settings, tree: str, rows: pl.DataFrame
) -> tuple[int, ...]:
    """Rows of every leaf of the tree, empty ones too."""
    levels = [level_key(depth) for depth in range(settings.treesynth.max_depth + 1)]
    nodes = [_texts(lake, instance, key, tree) for key in levels if latest_materialization(instance, key, tree)]
    leaves = pl.concat([level.filter(pl.col("state") == "leaf").select(leaf_id="id") for level in nodes])
    held = rows.group_by("leaf_id").len()
    return tuple(leaves.join(held, on="leaf_id", how="left")["len"].fill_null(0).to_list())


def _texts(lake: Lake, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> pl.DataFrame:
    return lake.scan(instance, key, partition, guarded=False).collect()
