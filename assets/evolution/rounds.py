"""Tree-of-Evolution as assets: one chain per round, partitioned by batch (method.md A.9; dagster-facts.md, section 2).

A round is `instructions -> complexity -> diversity -> accepted`; its parents are what the round before accepted.
"""

import hashlib
from collections.abc import Callable, Mapping

import dagster as dg
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.requests import as_parents, child_requests, children_work, judge_requests, judging_work
from evergrow.assets.frontier import UNANSWERED
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.gates.evolution import SUITES
from evergrow.assets.names import BATCHES, SEEDS, gate_name, parents_key, round_name, stage_key
from evergrow.assets.outcomes import gather, unanswered
from evergrow.methods.evolution import diversity as measure
from evergrow.methods.evolution import judge as judging
from evergrow.methods.evolution import selection, synthesis
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.lake.readable import GATES
from evergrow.resources.models import Models
from evergrow.resources.settings import Settings

ACCEPTED_COLUMNS = (
    *("id", "root_id", "parent_id", "batch", "domain", "round", "slot", "content"),
    *("complexity", "complexity_reason", "diversity", "nearest_id", "value", "parent_complexity", "parent_diversity"),
    *("generator_model", "judge_model", "embedding_model", "prompt_version", "call_id", "judge_call_id", "run_id"),
    "reason",
)


def round_definitions(round_no: int, settings: Settings) -> dg.Definitions:
    """The assets, gates and job of one round."""
    instructions = _instructions(round_no, settings)
    complexity, complexity_gate = _complexity(round_no, settings)
    diversity, diversity_gate = _diversity(round_no, settings)
    accepted, accepted_gate = _accepted(round_no, settings)
    job = dg.define_asset_job(
        round_name(round_no),
        selection=dg.AssetSelection.groups(round_name(round_no)),
        description=f"Evolves a batch through round {round_no}.",
        tags={"evergrow/round": str(round_no)},
    )
    return dg.Definitions(
        assets=[instructions, complexity, diversity, accepted],
        asset_checks=[complexity_gate, diversity_gate, accepted_gate],
        jobs=[job],
    )


def _stage(
    round_no: int,
    stage: str,
    *,
    code: object,
    ins: Mapping[str, dg.AssetIn],
    kind: str,
    pool: str | None = None,
) -> Callable[[Callable[..., object]], dg.AssetsDefinition]:
    """Declare the asset of a stage. `code` is whatever changes its rows when it changes: prompts, models, rules."""

    def declare(function: Callable[..., object]) -> dg.AssetsDefinition:
        return dg.asset(
            key=stage_key(round_no, stage),
            group_name=round_name(round_no),
            partitions_def=BATCHES,
            ins=ins,
            code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
            metadata={GATES: [gate_name(stage)]} if stage in SUITES else {},
            kinds={kind},
            pool=pool,
        )(function)

    return declare


def _instructions(round_no: int, settings: Settings) -> dg.AssetsDefinition:
    rules, role = settings.evolution, settings.role("generator")
    prompts = (synthesis.direct_prompt().version, synthesis.optimise_prompt().version)

    @_stage(
        round_no,
        "instructions",
        code=(prompts, role, rules.children, rules.min_words),
        ins={"parents": dg.AssetIn(parents_key(round_no))},
        kind="openai",
        pool="llm",
    )
    async def instructions(
        context: dg.AssetExecutionContext, parents: pl.DataFrame, models: dg.ResourceParam[Models]
    ) -> pl.DataFrame:
        """The children asked of every parent, those that cannot go on with their reason."""
        parents = as_parents(parents)
        wanted = synthesis.plan_children(parents, rules.children, round_no)
        planned = models.forecast(children_work("instructions", parents, wanted.height))
        async with models.engine(context) as engine:
            outcomes = engine.ask(
                child_requests(parents, rules.children), synthesis.read_child, label="instructions", total=wanted.height
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


def _complexity(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    prompt, role = judging.judge_prompt().version, settings.role("judge")

    @_stage(
        round_no,
        "complexity",
        code=(prompt, role),
        ins={"instructions": dg.AssetIn(stage_key(round_no, "instructions"))},
        kind="openai",
        pool="llm",
    )
    async def complexity(
        context: dg.AssetExecutionContext, instructions: pl.DataFrame, models: dg.ResourceParam[Models]
    ) -> pl.DataFrame:
        """The judge's score of every child, 1 to 10, with its reasoning."""
        planned = models.forecast(judging_work("complexity", instructions, instructions.height))
        async with models.engine(context) as engine:
            outcomes = engine.ask(
                judge_requests(instructions), judging.read_verdict, label="complexity", total=instructions.height
            )
            verdicts = await gather(
                outcomes,
                lambda verdict: {"complexity": verdict.score, "complexity_reason": verdict.reasoning},
                {"complexity": pl.Float64, "complexity_reason": pl.String},
            )
        verdicts = verdicts.drop("run_id").rename({"model": "judge_model", "call_id": "judge_call_id"})
        scored = instructions.select("id", "root_id").join(verdicts, on="id", how="left", maintain_order="left")
        context.add_output_metadata(
            {
                **planned,
                **engine.summary(),
                UNANSWERED: unanswered(verdicts),
                **shown.sample(scored, "complexity", "complexity_reason"),
                **shown.histogram(scored, "complexity", judging.LOWEST, judging.HIGHEST),
            }
        )
        return scored

    others = {
        "instructions": stage_key(round_no, "instructions"),
        "previous": stage_key(round_no - 1, "complexity") if round_no > 1 else SEEDS,
    }

    @gate(complexity, "complexity", settings, others)
    def complexity_gate(table: pl.DataFrame, instructions: pl.DataFrame, previous: pl.DataFrame) -> Facts:  # noqa: ARG001
        mean = previous["complexity"].mean() if round_no > 1 else None
        return {
            "requested": shown.kept(instructions).height,
            "lowest_mean": mean - settings.gates.complexity.max_drop if isinstance(mean, float) else None,
        }

    return complexity, complexity_gate


def _diversity(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    @_stage(
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


def _accepted(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    rules = settings.evolution

    @_stage(
        round_no,
        "accepted",
        code=(rules.selection_order, rules.margin, rules.beam, rules.beam_scope),
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
    def accepted_gate(table: pl.DataFrame, parents: pl.DataFrame) -> Facts:  # noqa: ARG001
        ids = shown.kept(parents)["id"]
        return {
            "requested": len(ids) * rules.children,
            "known_parent": pl.when(pl.col("parent_id").is_in(ids.implode())).then("parent_id"),
        }

    return accepted, accepted_gate


def _prompt_versions(parents: pl.DataFrame) -> pl.DataFrame:
    direct, optimise = synthesis.direct_prompt().version, synthesis.optimise_prompt().version
    version = pl.when(pl.col("kind") == "code").then(pl.lit(direct)).otherwise(pl.lit(optimise))
    return parents.select(parent_id="id", prompt_version=version)
