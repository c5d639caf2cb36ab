"""The judge's score of every child (method.md A.6), and the gate that holds it."""

from functools import partial

import dagster as dg
import polars as pl

from evergrow.assets import metadata as shown
from evergrow.assets.evolution.requests import judge_requests, judging_work
from evergrow.assets.evolution.stage import stage_asset
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import SEEDS, stage_key
from evergrow.assets.outcomes import gather, unanswered
from evergrow.methods.evolution import judge as judging
from evergrow.resources.lake.versions import UNANSWERED
from evergrow.resources.models import Models
from evergrow.resources.settings import Settings


def complexity_asset(round_no: int, settings: Settings) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """`evolution/round_NN/complexity` and its gate."""
    rules, role = settings.evolution, settings.role("judge")
    prompt = judging.judge_prompt(rules.judging).version

    @stage_asset(
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
        planned = models.forecast(judging_work("complexity", instructions, rules, instructions.height))
        async with models.engine(context) as engine:
            outcomes = engine.ask(
                judge_requests(instructions, rules.judging),
                partial(judging.read_verdict, judging=rules.judging),
                label="complexity",
                total=instructions.height,
            )
            verdicts = await gather(
                outcomes,
                lambda verdict: {
                    "complexity": verdict.score,
                    "complexity_reason": verdict.reasoning,
                    "unfit": verdict.unfit,
                },
                {"complexity": pl.Float64, "complexity_reason": pl.String, "unfit": pl.String},
            )
        verdicts = (
            verdicts.with_columns(reason=pl.coalesce("reason", "unfit"))
            .drop("run_id", "unfit")
            .rename({"model": "judge_model", "call_id": "judge_call_id"})
        )
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
