"""How far every child lies from the champions of all other trees (method.md A.7), and the gate that holds it."""

from functools import partial

import dagster as dg
import numpy as np
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import SEEDS, round_name, stage_key
from evergrow.assets.table import Declaration, Table, embedding_values
from evergrow.methods.evolution import diversity as measure
from evergrow.methods.evolution import selection
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.place import Place, Places
from evergrow.resources.settings import Settings

STAGE = "diversity"
MEASURED_TREES = 2_000  # trees that a round is compared by with its seeds


def diversity_table(round_no: int) -> Table:
    """`evolution/round_NN/diversity`, and its gate."""
    key = stage_key(round_no, STAGE)
    instructions_of, complexity_of = stage_key(round_no, "instructions"), stage_key(round_no, "complexity")

    def diversity(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        seeds: pl.DataFrame,
        embedders: dg.ResourceParam[Embedders],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """How far every child is from the most challenging child of every other tree of the round, 0 to 1."""
        embedder = embedders.at(places.at(context, key))
        children = (
            complexity.select("id", "root_id", "complexity")
            .join(instructions.select("id", "content"), on="id", maintain_order="left")
            .with_row_index("row")
        )
        vectors, champions = embedder.embed(children["content"].to_list()), selection.champions(children)
        roots = children["root_id"].rank("dense").to_numpy()
        search = places.at(context, key).settings.embedding.search
        scores, nearest = measure.diversity(vectors, roots, champions["row"].to_numpy(), embedder.device, search=search)
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
                **metadata.longer_texts(embedder, children["content"].to_list()),
                **metadata.embedding(embedder),
                **metadata.sample(measured, "diversity", "nearest_id"),
                **metadata.histogram(measured, "diversity", 0, 1, bins=10),
            }
        )
        return measured

    declared = Declaration(
        key=key,
        kind="batch",
        group=round_name(round_no),
        job=round_name(round_no),
        ins={
            "instructions": dg.AssetIn(instructions_of),
            "complexity": dg.AssetIn(complexity_of),
            "seeds": dg.AssetIn(SEEDS),
        },
        values=_values,
        stage=STAGE,
        kinds=("pytorch",),
        pool="gpu",
    )
    others = {
        "complexity": dg.AssetIn(complexity_of),
        "previous": dg.AssetIn(stage_key(round_no - 1, STAGE) if round_no > 1 else SEEDS),
    }
    return declared.table(diversity, Gate(STAGE, partial(_facts, round_no), others))


def _values(settings: Settings) -> dict[str, object]:
    search = settings.embedding.search
    return {**embedding_values(settings), **({} if search == "exact" else {"embedding.search": search})}


def _facts(round_no: int, place: Place, table: pl.DataFrame, complexity: pl.DataFrame, previous: pl.DataFrame) -> Facts:
    wanted, own = place.settings.gates.diversity, _ratio(table)
    before = _ratio(previous) if round_no > 1 else None
    compared = own is not None and before is not None
    return {
        "requested": metadata.kept(complexity).height,
        "ratio_to_seeds": own,
        "lowest_ratio_to_seeds": None if own is None else wanted.min_ratio_to_seeds,
        "lowest_ratio_to_previous": wanted.min_ratio_to_previous * (before or 0.0) if compared else None,
    }


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
