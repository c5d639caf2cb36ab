"""The judge's score of every child (method.md A.6), and the gate that holds it."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.evolution.requests import children_of, judge_requests, judging_work
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import SEEDS, round_name, stage_key
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import PROMPT, Declaration, Table, judging_values, role_values
from evergrow.assets.trust.judge import require_calibrated
from evergrow.methods.evolution import judge
from evergrow.resources.lake.lake import Lake
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places

STAGE = "complexity"
RATINGS = pl.Struct(dict.fromkeys(judge.CRITERIA, pl.Float64()))


def complexity_table(round_no: int) -> Table:
    """`evolution/round_NN/complexity`, and its gate."""
    key, instructions_of = stage_key(round_no, STAGE), stage_key(round_no, "instructions")

    async def complexity(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        lake: dg.ResourceParam[Lake],
        models: dg.ResourceParam[Models],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """The judge's score of every child, 1 to 10, with its reasoning."""
        place = places.at(context, key)
        rules = place.settings.evolution
        require_calibrated(context.instance, lake, place.settings)
        planned = models.forecast(place, judging_work(STAGE, instructions, rules, instructions.height))
        async with models.engine(context, place) as engine:
            outcomes = engine.ask(
                judge_requests(instructions, rules),
                partial(judge.read_verdict, judging=rules.judging),
                label=STAGE,
                total=instructions.height * rules.readings,
            )
            scores = await gather(
                outcomes,
                lambda verdict: {
                    "complexity": verdict.score,
                    "complexity_reason": verdict.reasoning,
                    "unfit": verdict.unfit,
                    "ratings": verdict.ratings,
                },
                {"complexity": pl.Float64, "complexity_reason": pl.String, "unfit": pl.String, "ratings": RATINGS},
            )
        told = owed_metadata(owed(scores))
        scores = (
            _of_children(scores)
            .with_columns(reason=pl.coalesce("reason", "unfit"))
            .drop("run_id", "unfit")
            .rename({"model": "judge_model", "call_id": "judge_call_id"})
        )
        scored = instructions.select("id", "root_id").join(scores, on="id", how="left", maintain_order="left")
        shown = {
            **metadata.sample(scored, "complexity", "complexity_reason"),
            **metadata.histogram(scored, "complexity", judge.LOWEST, judge.HIGHEST),
        }
        context.add_output_metadata({**metadata.asked(planned, engine.summary()), **told, **shown})
        return scored

    declared = Declaration(
        key=key,
        kind="batch",
        group=round_name(round_no),
        job=round_name(round_no),
        ins={"instructions": dg.AssetIn(instructions_of)},
        values=lambda settings: {
            f"{PROMPT}judge": judge.judge_prompt(settings.evolution.judging).version,
            **role_values(settings, "judge"),
            **judging_values(settings),
        },
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    others = {
        "instructions": dg.AssetIn(instructions_of),
        "previous": dg.AssetIn(stage_key(round_no - 1, STAGE) if round_no > 1 else SEEDS),
    }
    return declared.table(complexity, Gate(STAGE, _facts(round_no), others))


def _of_children(readings: pl.DataFrame) -> pl.DataFrame:
    """One row a child of the readings of children: the mean of its scores; unfit where more readings found it so than
    did not; failed only where all did. `call_id` is that of the first reading that counts, `reading_call_ids` those of
    all readings; null where there is one.
    """
    readings = readings.with_columns(id=children_of(pl.col("id")), reading_call_ids=pl.lit(None, pl.List(pl.String)))
    if readings["id"].is_unique().all():
        return readings
    scored, unfit = pl.col("complexity").is_not_null(), pl.col("unfit").is_not_null()
    rejected = unfit.sum() > scored.sum()
    counts = pl.when(rejected).then(unfit).otherwise(scored)
    first = pl.when(counts | ~(scored | unfit).any())
    told = ("call_id", "model", "run_id")
    means = (pl.col("ratings").struct.field(name).mean() for name in judge.CRITERIA)
    return readings.group_by("id", maintain_order=True).agg(
        *(first.then(name).drop_nulls().first().alias(name) for name in told),
        reading_call_ids=pl.when(pl.len() > 1).then(pl.col("call_id").drop_nulls().implode()),
        reason=pl.when((scored | unfit).any()).then(None).otherwise(pl.col("reason").first()),
        complexity=pl.when(~rejected).then(pl.col("complexity").mean()),
        complexity_reason=pl.when(counts).then("complexity_reason").drop_nulls().str.join("\n"),
        unfit=pl.when(rejected).then(pl.col("unfit").drop_nulls().first()),
        ratings=pl.when(~rejected & pl.col("ratings").is_not_null().any()).then(pl.struct(means)),
    )


def _facts(round_no: int) -> Callable[..., Facts]:
    def facts(place: Place, table: pl.DataFrame, instructions: pl.DataFrame, previous: pl.DataFrame) -> Facts:  # noqa: ARG001
        mean = previous["complexity"].mean() if round_no > 1 else None
        return {
            "requested": metadata.kept(instructions).height,
            "lowest_mean": mean - place.settings.gates.complexity.max_drop if isinstance(mean, float) else None,
        }

    return facts
