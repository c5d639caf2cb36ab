"""A judge's readings of the planted tasks, and the gate that says whether it can be trusted."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import get_args

import dagster as dg
import polars as pl
from pydantic import Field

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts, evaluate
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import JUDGE, gate_name
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import PROMPT, Declaration, Table, judging_values
from evergrow.assets.trust.questions import asked_of, asked_readings, methods_of, reading_requests, readings_work
from evergrow.methods.calibration.calibration import Calibration, calibrate, drift, scored
from evergrow.methods.calibration.planted_tasks import planted_readings, planted_version
from evergrow.methods.evolution import judge as judging
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.readable import GateClosed, GateState
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.llm.engine import Engine
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.settings import Settings
from evergrow.resources.settings.growth import Evolution

STAGE = "judge"
READ = {
    "score": pl.Float64,
    "unfit": pl.String,
    "judge_reason": pl.String,
}
VERSIONS = ("tasks_version", "prompt_version")  # columns: what readings must share to be compared
COLUMNS = (
    *("id", "method", "task", "probe", "kind", "band", "of", "content", "words", "reading", *READ),
    *("call_id", "judge_model", "run_id", *VERSIONS, "reason"),
)
GATED = ("rank_correlation", "retest_change", "injection_gain")


class JudgeConfig(dg.Config):
    """By what other methods the planted tasks are read, beside the one of the settings."""

    methods: dict[str, int] = Field({}, description="how many readings make a score, by `evolution.judging`")


class NotCalibrated(dg.Failure):
    """A judge is asked for that must be calibrated, and is not; the message says what to do."""

    def __init__(self, model: str, why: str, rules: Evolution) -> None:
        usual = Evolution()
        ways = [
            f" --set evolution.{name}={getattr(rules, name)}"
            for name in ("judging", "readings")
            if getattr(rules, name) != getattr(usual, name)
        ]
        super().__init__(
            f"gates.judge.required: the judge {model!r} {why}; "
            f"`evergrow judge calibrate --model {model}{''.join(ways)}` does it",
            allow_retries=False,
        )


def judge_table() -> Table:
    """`trust/judge`, and its gate."""
    declared = Declaration(
        key=JUDGE,
        kind="model",
        group="trust",
        job=STAGE,
        prompts={"planted tasks": planted_version()},
        values=lambda settings: {
            **judging_values(settings),
            f"{PROMPT}judge": judging.judge_prompt(settings.evolution.judging).version,
        },
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
        sources=lambda _: [],
    )
    return declared.table(judge, Gate(STAGE, _facts))


async def judge(
    context: dg.AssetExecutionContext,
    config: JudgeConfig,
    lake: dg.ResourceParam[Lake],
    models: dg.ResourceParam[Models],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """Every planted task, read by the judge so often that it has two scores: each reading, or why it gave none. What it
    read by other methods before stays beside."""
    model = context.partition_key
    here = places.at(context, JUDGE)
    place = replace(here, settings=asked_of(here.settings, "judge", model), owner=f"judge:{model}")
    rules = place.settings.evolution
    further = {name: config.methods[name] for name in get_args(judging.Judging) if name in config.methods}
    methods: dict[judging.Judging, int] = {**further}
    for name, together in methods_of(rules).items():
        methods[name] = max(together, further.get(name, 0))
    planned = models.forecast(place, readings_work(methods))
    async with models.engine(context, place) as engine:
        read = pl.concat([await _read(engine, name, together) for name, together in methods.items()])
    table = _table(asked_readings(methods), read)
    before = _before(context, lake)
    figures = calibration_of(table, rules).figures()
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **owed_metadata(owed(read)),
            "methods": ", ".join(f"{name}, {together} a score" for name, together in methods.items()),
            **{name: value for name, value in figures.items() if value is not None},
            **_drift(before, rules, figures),
        }
    )
    return pl.concat([before.filter(~pl.col("method").is_in(list(methods))), table])


async def _read(engine: Engine, method: judging.Judging, together: int) -> pl.DataFrame:
    requests = reading_requests({method: together})
    total = planted_readings(together).height
    outcomes = engine.ask(requests, partial(judging.read_verdict, judging=method), label=STAGE, total=total)
    return await gather(
        outcomes,
        lambda verdict: {"score": verdict.score, "unfit": verdict.unfit, "judge_reason": verdict.reasoning},
        READ,
    )


def _table(asked: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    told = read.rename({"id": "key", "model": "judge_model"})
    versions = {name: judging.judge_prompt(name).version for name in get_args(judging.Judging)}
    return (
        asked.join(told, on="key", how="left", maintain_order="left")
        .rename({"id": "task", "key": "id"})
        .with_columns(tasks_version=pl.lit(planted_version()), prompt_version=pl.col("method").replace_strict(versions))
        .select(COLUMNS)
    )


def _before(context: dg.AssetExecutionContext, lake: Lake) -> pl.DataFrame:
    """What the judge read before, as far as it is comparable: of the same tasks, by the same prompts."""
    record = latest_materialization(context.instance, JUDGE, context.partition_key)
    return pl.DataFrame(schema=SCHEMA) if record is None else comparable(lake.version(record, "all").collect())


def comparable(table: pl.DataFrame) -> pl.DataFrame:
    """The readings of today's tasks by today's prompts; none of a table of an earlier version of evergrow."""
    if not set(COLUMNS) <= set(table.columns):
        return pl.DataFrame(schema=SCHEMA)
    versions = {name: judging.judge_prompt(name).version for name in get_args(judging.Judging)}
    today = pl.col("method").replace_strict(versions, default="")
    return table.filter(pl.col("tasks_version") == planted_version(), pl.col("prompt_version") == today)


def _facts(place: Place, table: pl.DataFrame) -> Facts:
    return judge_facts(comparable(table), place.settings.evolution)


def readings_by(table: pl.DataFrame, rules: Evolution) -> pl.DataFrame:
    """The readings of a table that a calibration by these rules is told from."""
    asked = len(planted_readings(rules.readings)["reading"].unique())
    return table.filter(pl.col("method") == rules.judging, pl.col("reading") < asked)


def scores_by(table: pl.DataFrame, rules: Evolution) -> pl.DataFrame:
    """Two scores of each task by these rules, as the methods take them."""
    return scored(readings_by(table, rules).with_columns(id="task"), rules.readings)


def calibration_of(table: pl.DataFrame, rules: Evolution) -> Calibration:
    """What a table of readings, all its rows, says of the judge, asked by these rules."""
    return calibrate(scores_by(table, rules))


def judge_facts(table: pl.DataFrame, rules: Evolution) -> Facts:
    """What the gate's rules are about; what was not measured counts as such, and closes the gate."""
    found = calibration_of(table, rules)
    figures = found.figures()
    return {
        "requested": planted_readings(rules.readings).height,
        "rows": readings_by(table, rules).height,
        "unread": found.unread,
        "unmeasured": sum(figures[name] is None for name in GATED),
        **{name: figures[name] for name in GATED},
    }


def require_calibrated(instance: dg.DagsterInstance, lake: Lake, settings: Settings) -> None:
    """Do nothing if the judge may be asked: it need not be calibrated, or it has read the planted tasks as these
    settings have it read, and what it said passes by their thresholds.

    Raises:
        NotCalibrated: it was not, or in another way.
        GateClosed: it was, and cannot be trusted.
    """
    if not settings.gates.judge.required:
        return
    model, rules = settings.role("judge").model or "", settings.evolution
    record = latest_materialization(instance, JUDGE, model)
    if record is None or record.asset_materialization is None:
        raise NotCalibrated(model, "was never calibrated", rules)
    table = lake.version(record, "all").collect()
    told = comparable(table)
    mine = readings_by(told, rules)
    if mine.height < planted_readings(rules.readings).height:
        asked = f"{rules.judging}, {counted(rules.readings, 'readings')} a score, today's prompt"
        way = f"as this recipe has it asked ({asked})"
        raise NotCalibrated(model, f"was not calibrated {way}", rules)
    found = evaluate(STAGE, mine, settings, judge_facts(told, rules))
    if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR:
        raise GateClosed(dg.AssetCheckKey(JUDGE, gate_name(STAGE)), model, GateState.FAILED, found.description)


def _drift(before: pl.DataFrame, rules: Evolution, figures: Mapping[str, float | int | None]) -> dict[str, float]:
    """How the figures moved since the last calibration of the same judge in the same way."""
    if readings_by(before, rules).height < planted_readings(rules.readings).height:
        return {}
    moved = drift(figures, calibration_of(before, rules).figures())
    return {f"{name}_drift": value for name, value in moved.items() if value is not None}


SCHEMA = {
    **dict.fromkeys(COLUMNS, pl.String),
    **dict.fromkeys(("band", "words", "reading"), pl.Int64),
    "score": pl.Float64,
}
