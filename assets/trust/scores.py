"""A model's answers to benchmarks, each right or wrong: what pass@k is told from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg
import polars as pl
from pydantic import Field

from evergrow.assets import metadata
from evergrow.assets.dataset.clean import benchmark_folder
from evergrow.assets.names import SCORES
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import Declaration, Table
from evergrow.assets.trust.questions import answer_requests, answers_work, asked_of, draws_of
from evergrow.methods.evaluation.problems import Problem
from evergrow.methods.evaluation.reading import read_final
from evergrow.methods.verification.maths import told_apart
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.benchmarks import BenchmarkError
from evergrow.resources.evaluation.question_files import read_benchmark
from evergrow.resources.evaluation.scoring import Attempt, judge_attempts
from evergrow.resources.host.progress import Advance
from evergrow.resources.lake.lake import Lake
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.symbolic import symbolic

STAGE = "scores"
SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(("id", "benchmark", "problem"), pl.String()),
    "draw": pl.Int64(),
    "draws": pl.Int64(),
    "temperature": pl.Float64(),
    **dict.fromkeys(("kind", "answer", "final"), pl.String()),
    "correct": pl.Boolean(),
    **dict.fromkeys(("verdict", "detail", "candidate_model", "call_id", "run_id", "reason"), pl.String()),
}
JUDGED = {"problem": pl.String, "draw": pl.Int64, "final": pl.String, "verdict": pl.String, "detail": pl.String}
UNJUDGED = (Verdict.SANDBOX_UNAVAILABLE, Verdict.UNVERIFIED)  # nobody knows whether such an answer is right


class EvaluationConfig(dg.Config):
    """Which benchmark is answered, and how."""

    benchmark: str = Field(description="humaneval, or the stem of a question file in the benchmarks' folder")
    draws: int = Field(1, ge=1, description="answers to each problem")
    temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature")


def scores_table() -> Table:
    """`evaluation/scores`, which has no gate: what was measured may be read."""
    declared = Declaration(
        key=SCORES,
        kind="model",
        group="trust",
        job=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
        sources=lambda _: [],
    )
    return declared.table(scores)


async def scores(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    lake: dg.ResourceParam[Lake],
    models: dg.ResourceParam[Models],
    sandbox: dg.ResourceParam[Sandbox | SandboxUnavailable],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """Every draw of every problem with its verdict; other benchmarks that the model has answered stay beside."""
    model = context.partition_key
    here = places.at(context, SCORES)
    place = replace(here, settings=asked_of(here.settings, "candidate", model), owner=f"evaluation:{model}")
    problems = _problems(place, config.benchmark)
    work = answers_work(problems, config.draws, config.temperature)
    planned = models.forecast(place, work)
    async with models.engine(context, place) as engine:
        outcomes = engine.ask(
            answer_requests(problems, config.draws, config.temperature), str, label=STAGE, total=work.requests
        )
        answered = await gather(outcomes, lambda text: {"answer": text}, {"answer": pl.String})
    answered = answered.hstack(draws_of(answered["id"])).rename({"model": "candidate_model"})
    usable = answered.filter(pl.col("reason").is_null())
    with models.progress.track("answers judged", usable.height) as advance:
        judged = judge_answers(problems, usable, sandbox, place.settings.evaluation.timeout_s, advance)
    table = _table(config, problems, answered.join(judged, on=["problem", "draw"], how="left"))
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **owed_metadata(owed(answered)),
            "benchmark": config.benchmark,
            "problems": len(problems),
            "right": int(table["correct"].sum()),
            "unjudged": int(table["correct"].null_count()),
        }
    )
    return pl.concat([_of_other_benchmarks(context, lake, config.benchmark), table])


def judge_answers(
    problems: Sequence[Problem],
    answered: pl.DataFrame,
    sandbox: Sandbox | SandboxUnavailable,
    timeout_s: float | None = None,
    advance: Advance | None = None,
) -> pl.DataFrame:
    """`problem, draw, final, verdict, detail` of each row of `answered` (`problem, draw, answer`).

    Args:
        problems: all that were asked.
        answered: the answers.
        sandbox: where programs run, or why they cannot.
        timeout_s: longest that a program may run, in place of its benchmark's own limit.
        advance: told of each answer that is judged.
    """
    known = {problem.id: problem for problem in problems}
    rows: dict[str, tuple[str, int, str | None, Verdict, str | None]] = {}
    attempts: list[Attempt] = []
    with symbolic() as comparing:
        for id_, draw, answer in answered.select("problem", "draw", "answer").iter_rows():
            problem, key = known[id_], f"{id_}\0{draw}"
            read = read_final(problem, answer)
            if read.final is None:
                rows[key] = (id_, draw, None, Verdict.FAIL, read.fault)
            elif problem.kind == "code":
                attempts.append(Attempt(key, problem, read.final))
                rows[key] = (id_, draw, read.final, Verdict.UNVERIFIED, None)
            else:
                right = str(problem.answer)
                same = read.final == right if problem.kind == "choice" else told_apart(read.final, right)
                same = comparing.same(read.final, right) if same is None else same
                detail = None if same else f"the answer is {right}"
                rows[key] = (id_, draw, read.final, Verdict.PASS if same else Verdict.FAIL, detail)
            if advance and not (attempts and attempts[-1].key == key):
                advance()
    for one in judge_attempts(attempts, sandbox, timeout_s):
        rows[one.key] = (*rows[one.key][:3], one.verdict, one.detail)
        if advance:
            advance()
    return pl.DataFrame(list(rows.values()), schema=JUDGED, orient="row")


def _problems(place: Place, name: str) -> list[Problem]:
    try:
        return read_benchmark(benchmark_folder(place), name, place.settings.evaluation.first_choice).problems
    except BenchmarkError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def _table(config: EvaluationConfig, problems: Sequence[Problem], judged: pl.DataFrame) -> pl.DataFrame:
    kinds: Mapping[str, str] = {problem.id: problem.kind for problem in problems}
    known = pl.col("verdict").is_not_null() & ~pl.col("verdict").is_in([str(one) for one in UNJUDGED])
    return judged.sort("problem", "draw").select(
        pl.format("{}/{}", pl.lit(config.benchmark), "id").alias("id"),
        pl.lit(config.benchmark).alias("benchmark"),
        "problem",
        "draw",
        pl.lit(config.draws, pl.Int64).alias("draws"),
        pl.lit(config.temperature, pl.Float64).alias("temperature"),
        pl.col("problem").replace_strict(kinds, default=None, return_dtype=pl.String).alias("kind"),
        "answer",
        "final",
        pl.when(known).then(pl.col("verdict") == Verdict.PASS).alias("correct"),
        *("verdict", "detail", "candidate_model", "call_id", "run_id", "reason"),
    )


def _of_other_benchmarks(context: dg.AssetExecutionContext, lake: Lake, benchmark: str) -> pl.DataFrame:
    before = lake.ungated(context.instance, SCORES, context.partition_key)
    if before is None:
        return pl.DataFrame(schema=SCHEMA)
    return before.filter(pl.col("benchmark") != benchmark).collect()
