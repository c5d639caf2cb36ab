"""The children asked of every parent of a round (method.md A.4, A.5)."""

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.evolution.requests import as_parents, child_requests, children_work, style_of
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import parents_key, round_name, stage_key
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import Declaration, Table, role_values, section_values
from evergrow.methods.evolution import synthesis
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places

STAGE = "instructions"
STYLE = ("children", "min_words", "operators", "lengths", "show_nearest")


def instructions_table(round_no: int) -> Table:
    """`evolution/round_NN/instructions`, and its gate."""
    key, parents_of = stage_key(round_no, STAGE), parents_key(round_no)

    async def instructions(
        context: dg.AssetExecutionContext,
        parents: pl.DataFrame,
        models: dg.ResourceParam[Models],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """The children asked of every parent, those that cannot go on with their reason."""
        place = places.at(context, key)
        rules, parents = place.settings.evolution, as_parents(parents)
        style = style_of(rules)
        wanted = synthesis.plan_children(parents, rules.children, round_no, style)
        planned = models.forecast(place, children_work(STAGE, parents, rules, wanted.height))
        async with models.engine(context, place) as engine:
            outcomes = engine.ask(
                child_requests(parents, rules.children, style), synthesis.read_child, label=STAGE, total=wanted.height
            )
            answers = await gather(outcomes, lambda content: {"content": content}, {"content": pl.String})
        children = (
            wanted.join(answers, on="id", how="left", maintain_order="left")
            .with_columns(batch=pl.lit(place.owner))
            .rename({"model": "generator_model"})
            .join(_prompt_versions(parents), on="parent_id", how="left", maintain_order="left")
        )
        children = synthesis.reject_children(children, parents, rules.min_words)
        shown = metadata.sample(children, "content", "parent_id")
        context.add_output_metadata(
            {**metadata.asked(planned, engine.summary()), **owed_metadata(owed(answers)), **shown}
        )
        return children

    declared = Declaration(
        key=key,
        kind="batch",
        group=round_name(round_no),
        job=round_name(round_no),
        ins={"parents": dg.AssetIn(parents_of, metadata=ALL_ROWS)},
        prompts={name: prompt().version for name, prompt in PROMPTS.items()},
        values=lambda settings: {
            **role_values(settings, "generator"),
            **section_values(settings, "evolution", *STYLE),
        },
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(instructions, Gate(STAGE, _facts, {"parents": dg.AssetIn(parents_of)}))


PROMPTS = {"direct": synthesis.direct_prompt, "optimise": synthesis.optimise_prompt}


def _facts(place: Place, table: pl.DataFrame, parents: pl.DataFrame) -> Facts:  # noqa: ARG001
    return {"requested": metadata.kept(parents).height * place.settings.evolution.children}


def _prompt_versions(parents: pl.DataFrame) -> pl.DataFrame:
    direct, optimise = synthesis.direct_prompt().version, synthesis.optimise_prompt().version
    version = pl.when(pl.col("kind") == "code").then(pl.lit(direct)).otherwise(pl.lit(optimise))
    return parents.select(parent_id="id", prompt_version=version)
