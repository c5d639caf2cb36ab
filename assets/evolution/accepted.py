"""Which children may have children themselves (method.md A.8), and the gate that lets them."""

from functools import partial

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.gates.measured import ComparedSets, MeasuredSet
from evergrow.assets.names import DIFFICULTY, SEEDS, parents_key, round_name, stage_key
from evergrow.assets.table import Declaration, Source, Table, section_values
from evergrow.assets.text_sets import texts_of
from evergrow.methods.evolution import selection
from evergrow.resources.lake.lake import ALL_ROWS, Lake
from evergrow.resources.lake.versions import note
from evergrow.resources.place import Place, Places

STAGE = "accepted"
ACCEPTED_COLUMNS = (
    *("id", "root_id", "parent_id", "batch", "domain", "round", "slot", "content"),
    *("complexity", "complexity_reason", "diversity", "nearest_id", "value", "parent_complexity", "parent_diversity"),
    *("generator_model", "judge_model", "embedding_model", "prompt_version", "call_id", "judge_call_id", "run_id"),
    "reason",
)


def accepted_table(round_no: int) -> Table:
    """`evolution/round_NN/accepted`, and its gate."""
    key, measured = stage_key(round_no, STAGE), stage_key(round_no, DIFFICULTY)
    read = [stage_key(round_no, stage) for stage in ("instructions", "complexity", "diversity")]

    def accepted(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        diversity: pl.DataFrame,
        lake: dg.ResourceParam[Lake],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """The children that may enter the next round, and every other child of the round with its reason."""
        rules = places.at(context, key).settings.evolution
        children = (
            instructions.join(complexity.drop("root_id").rename({"reason": "unscored"}), on="id", how="left")
            .join(diversity.drop("root_id"), on="id", how="left")
            .sort("id")
            .with_columns(reason=pl.coalesce("reason", "unscored"))
        )
        partition = context.partition_key
        looked_up = [] if rules.difficulty == "judge" else [lake.current(context.instance, measured, partition)]
        for record in looked_up:
            tried = lake.version(record).collect()
            children = selection.by_solvers(children, tried, counts=rules.difficulty == "solvers")
        children = children.with_columns(value=selection.value())
        children = selection.screen(children, {name: getattr(rules, f"min_{name}") for name in selection.FLOORS})
        chosen = selection.select(children, rules.selection_order, rules.margin, rules.beam, rules.beam_scope).select(
            ACCEPTED_COLUMNS
        )
        context.add_output_metadata(
            {
                **note(looked_up),
                **metadata.sample(chosen, "content", "value", "complexity", "diversity"),
                **metadata.histogram(metadata.kept(chosen), "value", 1, 20, bins=19),
            }
        )
        return chosen

    declared = Declaration(
        key=key,
        kind="batch",
        group=round_name(round_no),
        job=round_name(round_no),
        ins={
            "instructions": dg.AssetIn(stage_key(round_no, "instructions"), metadata=ALL_ROWS),
            "complexity": dg.AssetIn(stage_key(round_no, "complexity"), metadata=ALL_ROWS),
            "diversity": dg.AssetIn(stage_key(round_no, "diversity")),
        },
        values=lambda settings: section_values(
            settings,
            "evolution",
            *("selection_order", "margin", "beam", "beam_scope", "difficulty"),
            *(f"min_{name}" for name in selection.FLOORS),
        ),
        stage=STAGE,
        sources=lambda place: [
            Source(made, place.partition)
            for made in (*read, *([measured] if place.settings.evolution.difficulty != "judge" else []))
        ],
        deps=(measured,),
    )
    others = {"parents": dg.AssetIn(parents_key(round_no))}
    return declared.table(accepted, Gate(STAGE, _facts, others, partial(_sets, round_no)))


def _sets(round_no: int, place: Place, lake: Lake, table: pl.DataFrame) -> ComparedSets:
    instance = place.instance
    seeds = texts_of(lake, instance, SEEDS, place.owner)
    before = texts_of(lake, instance, parents_key(round_no), place.owner) if round_no > 1 else seeds
    return ComparedSets(MeasuredSet(metadata.kept(table)["content"]), seeds, before)


def _facts(place: Place, table: pl.DataFrame, parents: pl.DataFrame) -> Facts:
    ids = metadata.kept(parents)["id"]
    known = pl.when(pl.col("parent_id").is_in(ids.implode())).then("parent_id")
    return {
        "requested": len(ids) * place.settings.evolution.children,
        "known_parent": table.select(known).to_series(),
    }
