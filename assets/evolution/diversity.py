"""How far every child lies from the champions of all other trees (method.md A.7), and the gate that holds it."""

import dagster as dg
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.stage import stage_asset
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import stage_key
from evergrow.methods.evolution import diversity as measure
from evergrow.methods.evolution import selection
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.settings import Settings


def diversity_asset(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """`evolution/round_NN/diversity` and its gate."""

    @stage_asset(
        round_no,
        "diversity",
        code=settings.embedding.model,
        ins={
            "instructions": dg.AssetIn(stage_key(round_no, "instructions")),
            "complexity": dg.AssetIn(stage_key(round_no, "complexity")),
        },
        kind="pytorch",
        pool="gpu",
    )
    def diversity(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        embedder: dg.ResourceParam[Embedder],
    ) -> pl.DataFrame:
        """How far every child is from the most challenging child of every other tree of the round, 0 to 1."""
        children = (
            complexity.select("id", "root_id", "complexity")
            .join(instructions.select("id", "content"), on="id", maintain_order="left")
            .with_row_index("row")
        )
        scores, nearest = measure.diversity(
            embedder.embed(children["content"].to_list()),
            children["root_id"].rank("dense").to_numpy(),
            selection.champions(children)["row"].to_numpy(),
        )
        ids = children["id"].gather(pl.Series(nearest).clip(lower_bound=0)) if children.height else children["id"]
        measured = children.select(
            "id",
            "root_id",
            diversity=pl.Series(scores, dtype=pl.Float64),
            nearest_id=pl.when(pl.Series(nearest) >= 0).then(ids),
            embedding_model=pl.lit(embedder.name),
        )
        context.add_output_metadata(
            {
                **shown.sample(measured, "diversity", "nearest_id"),
                **shown.histogram(measured, "diversity", 0, 1, bins=10),
            }
        )
        return measured

    @gate(diversity, "diversity", settings, {"complexity": stage_key(round_no, "complexity")})
    def diversity_gate(table: pl.DataFrame, complexity: pl.DataFrame) -> Facts:  # noqa: ARG001
        return {"requested": shown.kept(complexity).height}

    return diversity, diversity_gate
