"""Measures of whole tables: each stage of a batch, the samples of a tree, a release; against the first and the last."""

from collections.abc import Iterator, Mapping

import dagster as dg
import polars as pl

from evergrow.assets.dataset.funnel import made_rounds
from evergrow.assets.gates.measured import MeasuredSet
from evergrow.assets.names import COLLECTED, MEASURES, RELEASE, SEEDS, round_name, stage_key
from evergrow.assets.table import Table
from evergrow.assets.text_sets import texts_of, tree_set
from evergrow.assets.trust.set_table import set_table
from evergrow.methods.measures.measure_table import (
    TextSet,
    differences,
    leaf_measures,
    measures,
    reference_coverage,
    table,
)
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.lake import Lake
from evergrow.resources.place import Place, Places

SHOWN = ("mean_pairwise_similarity", "novelsum", "vendi_score")  # numbers of the last stage that the UI plots


def measures_table() -> Table:
    """`quality/measures`, which has no gate: those of the tables that it measures may name what it does."""
    return set_table(MEASURES, "measures", quality_measures)


def quality_measures(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """One row per stage and measure, with what it has more than the first stage, and than the one before."""
    of, place = context.partition_key, places.at(context, MEASURES)
    stages = dict(_stages(place, lake, of))
    if not stages:
        raise dg.Failure(f"there is nothing of {of!r} to measure yet", allow_retries=False)
    found = pl.concat(_measured(of, stages, embedders.at(place)))
    last = found.filter(pl.col("stage") == list(stages)[-1])
    shown = dict(last.filter(pl.col("measure").is_in(SHOWN)).select("measure", "value").drop_nulls().iter_rows())
    context.add_output_metadata({"stages": ", ".join(stages), **shown})
    return found


def _measured(of: str, stages: Mapping[str, MeasuredSet], embedder: Embedder) -> Iterator[pl.DataFrame]:
    first: TextSet | None = None
    before: TextSet | None = None
    for name, stage in stages.items():
        now = TextSet(stage.texts, embedder.embed(stage.texts.to_list()), embedder.device)
        listed = [*measures(now), *(leaf_measures(stage.leaves) if stage.leaves else [])]
        listed += [reference_coverage(now, first)] if first else []
        compared = [differences(now, other) if other else {} for other in (first, before)]
        yield table(listed).select(
            pl.lit(of).alias("of"),
            pl.lit(name).alias("stage"),
            "measure",
            "value",
            *(
                pl.col("measure").replace_strict(known, default=None, return_dtype=pl.Float64).alias(column)
                for column, known in zip(("against_first", "against_before"), compared, strict=True)
            ),
            "rows",
            "better",
            "source",
        )
        first, before = first or now, now


def _stages(place: Place, lake: Lake, of: str) -> Iterator[tuple[str, MeasuredSet]]:
    """The tables of a batch, a tree or a release by name, as they are today, whatever their gates say."""
    (kind, _, name), instance = of.partition(":"), place.instance
    if kind == "batch":
        accepted = [(round_name(n), stage_key(n, "accepted")) for n in made_rounds(instance, name)]
        for stage, key in [("seeds", SEEDS), *accepted, ("collected", COLLECTED)]:
            if (texts := texts_of(lake, instance, key, name)) is not None:
                yield stage, MeasuredSet(texts)
    elif kind == "tree":
        if (samples := tree_set(place, lake, name)) is not None:
            yield "samples", samples
    elif kind == "release" and (texts := texts_of(lake, instance, RELEASE, name)) is not None:
        yield "release", MeasuredSet(texts)
