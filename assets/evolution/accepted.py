"""Which children may have children themselves (method.md A.8), and the gate that lets them."""

import dagster as dg
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.stage import stage_asset
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import parents_key, stage_key
from evergrow.methods.evolution import selection
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.settings import Settings

ACCEPTED_COLUMNS = (
    *("id", "root_id", "parent_id", "batch", "domain", "round", "slot", "content"),
    *("complexity", "complexity_reason", "diversity", "nearest_id", "value", "parent_complexity", "parent_diversity"),
    *("generator_model", "judge_model", "embedding_model", "prompt_version", "call_id", "judge_call_id", "run_id"),
    "reason",
)


def accepted_asset(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """`evolution/round_NN/accepted` and its gate."""
    rules = settings.evolution
    floors = {name: getattr(rules, f"min_{name}") for name in selection.FLOORS}

    @stage_asset(
        round_no,
        "accepted",
        code=(rules.selection_order, rules.margin, rules.beam, rules.beam_scope, floors),
        ins={
            "instructions": dg.AssetIn(stage_key(round_no, "instructions"), metadata=ALL_ROWS),
            "complexity": dg.AssetIn(stage_key(round_no, "complexity"), metadata=ALL_ROWS),
            "diversity": dg.AssetIn(stage_key(round_no, "diversity")),
        },
        kind="polars",
    )
    def accepted(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        diversity: pl.DataFrame,
    ) -> pl.DataFrame:
        """The children that may enter the next round, and every other child of the round with its reason."""
        children = (
            instructions.join(complexity.drop("root_id").rename({"reason": "unscored"}), on="id", how="left")
            .join(diversity.drop("root_id"), on="id", how="left")
            .sort("id")
            .with_columns(value=selection.value(), reason=pl.coalesce("reason", "unscored"))
        )
        children = selection.screen(children, floors)
        chosen = selection.select(children, rules.selection_order, rules.margin, rules.beam, rules.beam_scope).select(
            ACCEPTED_COLUMNS
        )
        context.add_output_metadata(
            {
                **shown.sample(chosen, "content", "value", "complexity", "diversity"),
                **shown.histogram(shown.kept(chosen), "value", 1, 20, bins=19),
            }
        )
        return chosen

    @gate(accepted, "accepted", settings, {"parents": parents_key(round_no)})
    def accepted_gate(table: pl.DataFrame, parents: pl.DataFrame) -> Facts:
        ids = shown.kept(parents)["id"]
        known = pl.when(pl.col("parent_id").is_in(ids.implode())).then("parent_id")
        return {"requested": len(ids) * rules.children, "known_parent": table.select(known).to_series()}

    return accepted, accepted_gate
