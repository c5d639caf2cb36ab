"""How far every child lies from the champions of all other trees (method.md A.7), and the gate that holds it."""

import dagster as dg
import numpy as np
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.stage import stage_asset
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import SEEDS, stage_key
from evergrow.methods.evolution import diversity as measure
from evergrow.methods.evolution import selection
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.settings import Settings

MEASURED_TREES = 2_000  # trees that a round is compared by with its seeds


def diversity_asset(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """`evolution/round_NN/diversity` and its gate."""

    @stage_asset(
        round_no,
        "diversity",
        code=settings.embedding.model,
        ins={
            "instructions": dg.AssetIn(stage_key(round_no, "instructions")),
            "complexity": dg.AssetIn(stage_key(round_no, "complexity")),
            "seeds": dg.AssetIn(SEEDS),
        },
        kind="pytorch",
        pool="gpu",
    )
    def diversity(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        seeds: pl.DataFrame,
        embedder: dg.ResourceParam[Embedder],
    ) -> pl.DataFrame:
        """How far every child is from the most challenging child of every other tree of the round, 0 to 1."""
        children = (
            complexity.select("id", "root_id", "complexity")
            .join(instructions.select("id", "content"), on="id", maintain_order="left")
            .with_row_index("row")
        )
        vectors, champions = embedder.embed(children["content"].to_list()), selection.champions(children)
        roots = children["root_id"].rank("dense").to_numpy()
        scores, nearest = measure.diversity(vectors, roots, champions["row"].to_numpy(), embedder.device)
        ratio = _ratio_to_seeds(children, vectors, champions, seeds, embedder)
        ids = children["id"].gather(pl.Series(nearest).clip(lower_bound=0)) if children.height else children["id"]
        measured = children.select(
            "id",
            "root_id",
            diversity=pl.Series(scores, dtype=pl.Float64),
            nearest_id=pl.when(pl.Series(nearest) >= 0).then(ids),
            embedding_model=pl.lit(embedder.name),
            ratio_to_seeds=pl.lit(ratio, pl.Float64),
        )
        context.add_output_metadata(
            {
                **({} if ratio is None else {"ratio_to_seeds": ratio}),
                **shown.sample(measured, "diversity", "nearest_id"),
                **shown.histogram(measured, "diversity", 0, 1, bins=10),
            }
        )
        return measured

    others = {
        "complexity": stage_key(round_no, "complexity"),
        "previous": stage_key(round_no - 1, "diversity") if round_no > 1 else SEEDS,
    }

    @gate(diversity, "diversity", settings, others)
    def diversity_gate(table: pl.DataFrame, complexity: pl.DataFrame, previous: pl.DataFrame) -> Facts:
        wanted, own = settings.gates.diversity, _ratio(table)
        before = _ratio(previous) if round_no > 1 else None
        return {
            "requested": shown.kept(complexity).height,
            "ratio_to_seeds": own,
            "lowest_ratio_to_seeds": None if own is None else wanted.min_ratio_to_seeds,
            "lowest_ratio_to_previous": None
            if own is None or before is None
            else wanted.min_ratio_to_previous * before,
        }

    return diversity, diversity_gate


def _ratio(table: pl.DataFrame) -> float | None:
    """A round's mean diversity as a share of its seeds'; None where it was not measured, as by an earlier version."""
    ratios = table["ratio_to_seeds"] if "ratio_to_seeds" in table.columns else pl.Series([], dtype=pl.Float64)
    return ratios.drop_nulls().first()  # type: ignore[return-value]


def _ratio_to_seeds(
    children: pl.DataFrame, vectors: np.ndarray, champions: pl.DataFrame, seeds: pl.DataFrame, embedder: Embedder
) -> float | None:
    """See `measure.ratio_to_seeds`; trees are known by their roots."""

    def of_children(trees: np.ndarray) -> np.ndarray:
        part = children.with_row_index("at").filter(pl.col("root_id").is_in(list(trees)))
        best = part.with_row_index("place").join(champions, on="row", how="semi")["place"]
        numbers = part["root_id"].rank("dense").to_numpy()
        return measure.diversity(vectors[part["at"].to_numpy()], numbers, best.to_numpy(), embedder.device)[0]

    def of_seeds(trees: np.ndarray) -> np.ndarray:
        texts = seeds.filter(pl.col("root_id").is_in(list(trees)))["content"].to_list()
        numbers = np.arange(len(texts))
        return measure.diversity(embedder.embed(texts), numbers, numbers, embedder.device)[0]

    return measure.ratio_to_seeds(champions["root_id"].sort().to_numpy(), of_children, of_seeds, MEASURED_TREES)
