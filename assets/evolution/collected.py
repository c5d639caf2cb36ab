"""The samples chosen over all rounds of a batch (paper, section 3.5)."""

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.evolution.accepted import ACCEPTED_COLUMNS
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.gates.measured import ComparedSets, MeasuredSet
from evergrow.assets.names import COLLECTED, SEEDS, round_name, stage_key
from evergrow.assets.table import Declaration, Source, Table, embedding_values, section_values
from evergrow.assets.text_sets import texts_of
from evergrow.methods.evolution import selection
from evergrow.methods.evolution.collection import collect
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY, Lake
from evergrow.resources.place import Place, Places

STAGE = "collected"


def collected_table(rounds: int) -> Table:
    """`evolution/collected`, over at most as many rounds as there are tables for, and its gate."""
    # A batch may end before the last round, at its budget; a round whose parents were made anew since is left out until
    # it is made anew itself.
    ins = {
        round_name(n): dg.AssetIn(stage_key(n, "accepted"), metadata=IF_ANY | ALL_ROWS) for n in range(1, rounds + 1)
    }
    declared = Declaration(
        key=COLLECTED,
        kind="batch",
        group="evolution",
        job=STAGE,
        ins=ins,
        values=lambda settings: {
            **section_values(settings, "evolution", "rounds", "intra_tree_min_distance", "target_rows"),
            **embedding_values(settings),
        },
        sources=_sources,
        stage=STAGE,
    )
    return declared.table(collected, Gate(STAGE, _facts, sets=_sets))


def collected(
    context: dg.AssetExecutionContext,
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
    **rounds: pl.DataFrame | None,
) -> pl.DataFrame:
    """The dataset's samples, and every other scored child with the reason why it was left out."""
    place = places.at(context, COLLECTED)
    rules = place.settings.evolution
    wanted = {round_name(n) for n in range(1, rules.rounds + 1)}
    tables = [table for name, table in sorted(rounds.items()) if table is not None and name in wanted]
    if not tables:
        raise dg.Failure(f"batch {place.owner!r} has no accepted round yet; run round 1 first")
    # The beam says who has children, not who is a good sample; whether a child beats its parent is judged anew.
    selected = pl.col("reason").is_null() | pl.col("reason").is_in(list(selection.RULES.values()))
    scored = pl.concat(tables).filter(selected)
    embedder = embedders.at(place)
    vectors = embedder.embed(scored["content"].to_list())
    chosen = collect(scored, vectors, rules.intra_tree_min_distance, rules.target_rows, embedder.device)
    chosen = chosen.select(ACCEPTED_COLUMNS)
    missing = sorted(wanted - {name for name, table in rounds.items() if table is not None})
    context.add_output_metadata(
        {
            "rounds": len(tables),
            **({"rounds_left_out": ", ".join(missing)} if missing else {}),
            **metadata.sample(chosen, "content", "value", "complexity", "diversity"),
        }
    )
    return chosen


def _sources(place: Place) -> list[Source]:
    rounds = range(1, place.settings.evolution.rounds + 1)
    return [Source(stage_key(n, "accepted"), place.partition, required=False) for n in rounds]


def _facts(place: Place, table: pl.DataFrame) -> Facts:  # noqa: ARG001 - all that is judged stands in its rows
    return {}


def _sets(place: Place, lake: Lake, table: pl.DataFrame) -> ComparedSets:
    rounds = range(place.settings.evolution.rounds, 0, -1)
    made = (texts_of(lake, place.instance, stage_key(n, "accepted"), place.owner) for n in rounds)
    before = next((texts for texts in made if texts is not None), None)
    return ComparedSets(
        MeasuredSet(metadata.kept(table)["content"]), texts_of(lake, place.instance, SEEDS, place.owner), before
    )
