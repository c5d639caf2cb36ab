"""The children asked of every parent of a round (method.md A.4, A.5)."""

import dagster as dg
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.requests import as_parents, child_requests, children_work, style_of
from evergrow.assets.evolution.stage import stage_asset
from evergrow.assets.names import parents_key
from evergrow.assets.outcomes import gather, unanswered
from evergrow.methods.evolution import synthesis
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.lake.versions import UNANSWERED
from evergrow.resources.models import Models
from evergrow.resources.settings import Settings


def instructions_asset(round_no: int, settings: Settings) -> dg.AssetsDefinition:
    """`evolution/round_NN/instructions`."""
    rules, role = settings.evolution, settings.role("generator")
    style = style_of(rules)
    prompts = (synthesis.direct_prompt().version, synthesis.optimise_prompt().version)

    @stage_asset(
        round_no,
        "instructions",
        code=(prompts, role, rules.children, rules.min_words, style),
        ins={"parents": dg.AssetIn(parents_key(round_no), metadata=ALL_ROWS)},
        kind="openai",
        pool="llm",
    )
    async def instructions(
        context: dg.AssetExecutionContext, parents: pl.DataFrame, models: dg.ResourceParam[Models]
    ) -> pl.DataFrame:
        """The children asked of every parent, those that cannot go on with their reason."""
        parents = as_parents(parents)
        wanted = synthesis.plan_children(parents, rules.children, round_no, style)
        planned = models.forecast(children_work("instructions", parents, rules, wanted.height))
        async with models.engine(context) as engine:
            outcomes = engine.ask(
                child_requests(parents, rules.children, style),
                synthesis.read_child,
                label="instructions",
                total=wanted.height,
            )
            answers = await gather(outcomes, lambda content: {"content": content}, {"content": pl.String})
        children = (
            wanted.join(answers, on="id", how="left", maintain_order="left")
            .with_columns(batch=pl.lit(context.partition_key))
            .rename({"model": "generator_model"})
            .join(_prompt_versions(parents), on="parent_id", how="left", maintain_order="left")
        )
        children = synthesis.reject_children(children, parents, rules.min_words)
        context.add_output_metadata(
            {
                **planned,
                **engine.summary(),
                UNANSWERED: unanswered(answers),
                **shown.sample(children, "content", "parent_id"),
            }
        )
        return children

    return instructions


def _prompt_versions(parents: pl.DataFrame) -> pl.DataFrame:
    direct, optimise = synthesis.direct_prompt().version, synthesis.optimise_prompt().version
    version = pl.when(pl.col("kind") == "code").then(pl.lit(direct)).otherwise(pl.lit(optimise))
    return parents.select(parent_id="id", prompt_version=version)
