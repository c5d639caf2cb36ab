"""The samples chosen over all rounds of a batch (paper, section 3.5)."""

import hashlib

import dagster as dg
import polars as pl

from evergrow.assets.evolution.accepted import ACCEPTED_COLUMNS
from evergrow.assets.names import BATCHES, COLLECTED, round_name, stage_key
from evergrow.methods.evolution import selection
from evergrow.methods.evolution.collection import collect
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY
from evergrow.resources.settings import Settings


def collected_definitions(settings: Settings) -> dg.Definitions:
    """The asset `evolution/collected` and its job, over as many rounds as the settings name."""
    rules = settings.evolution
    code = (rules.rounds, rules.intra_tree_min_distance, rules.target_rows, settings.embedding.model)

    @dg.asset(
        key=COLLECTED,
        group_name="evolution",
        partitions_def=BATCHES,
        # A batch may end before the last round, at its target or its budget; a round whose parents were made anew since
        # is left out until it is made anew itself.
        ins={
            round_name(n): dg.AssetIn(stage_key(n, "accepted"), metadata=IF_ANY | ALL_ROWS)
            for n in range(1, rules.rounds + 1)
        },
        code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
        kinds={"polars"},
    )
    def collected(
        context: dg.AssetExecutionContext,
        embedder: dg.ResourceParam[Embedder],
        **rounds: pl.DataFrame | None,
    ) -> pl.DataFrame:
        """The dataset's samples, and every other scored child with the reason why it was left out."""
        tables = [table for _, table in sorted(rounds.items()) if table is not None]
        if not tables:
            raise dg.Failure(f"batch {context.partition_key!r} has no accepted round yet; run round 1 first")
        # The beam says who has children, not who is a good sample; whether a child beats its parent is judged anew.
        selected = pl.col("reason").is_null() | pl.col("reason").is_in(list(selection.RULES.values()))
        scored = pl.concat(tables).filter(selected)
        chosen = collect(
            scored, embedder.embed(scored["content"].to_list()), rules.intra_tree_min_distance, rules.target_rows
        )
        context.add_output_metadata({"rounds": len(tables)})
        return chosen.select(ACCEPTED_COLUMNS)

    job = dg.define_asset_job(
        "collected",
        selection=dg.AssetSelection.assets(collected),
        description="Chooses a batch's samples over all its rounds.",
    )
    return dg.Definitions(assets=[collected], jobs=[job])
