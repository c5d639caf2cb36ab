"""A judge's readings of the planted tasks, and the gate that says whether it can be trusted."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts, thresholds
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import JUDGE, gate_name
from evergrow.assets.outcomes import gather, owed, owed_metadata
from evergrow.assets.table import Declaration, Table, section_values
from evergrow.assets.trust.asking import asked_of, reading_requests, readings_work
from evergrow.methods.calibration.calibration import Calibration, calibrate, drift
from evergrow.methods.calibration.tasks import planted_readings, planted_version
from evergrow.methods.evolution import judge as judging
from evergrow.resources.lake.readable import GateClosed, GateState, judgement
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.settings import Settings

STAGE = "judge"
TASKS, PROMPT = "tasks_version", "prompt_version"  # metadata: what calibrations must share to be compared
READ = {
    "score": pl.Float64,
    "unfit": pl.String,
    "judge_reason": pl.String,
}
COLUMNS = (
    *("id", "task", "probe", "kind", "band", "of", "content", "words", "reading", *READ),
    *("call_id", "judge_model", "run_id", "reason"),
)
GATED = ("rank_correlation", "retest_change", "injection_gain")


class NotCalibrated(dg.Failure):
    """A judge is asked for that must be calibrated, and is not; the message says what to do."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(
            f"gates.judge.required: the judge {model!r} {why}; `evergrow judge calibrate --model {model}` does it",
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
            **section_values(settings, "evolution", "judging"),
            "prompt judge": judging.judge_prompt(settings.evolution.judging).version,
        },
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
        sources=lambda _: [],
    )
    return declared.table(judge, Gate(STAGE, _facts))


async def judge(
    context: dg.AssetExecutionContext, models: dg.ResourceParam[Models], places: dg.ResourceParam[Places]
) -> pl.DataFrame:
    """Every planted task, read twice by the judge: its score, or why it gave none."""
    model = context.partition_key
    here = places.at(context, JUDGE)
    place = replace(here, settings=asked_of(here.settings, "judge", model), owner=f"judge:{model}")
    how = place.settings.evolution.judging
    work = readings_work(how)
    planned = models.forecast(place, work)
    async with models.engine(context, place) as engine:
        outcomes = engine.ask(
            reading_requests(how), partial(judging.read_verdict, judging=how), label=STAGE, total=work.requests
        )
        read = await gather(
            outcomes,
            lambda verdict: {"score": verdict.score, "unfit": verdict.unfit, "judge_reason": verdict.reasoning},
            READ,
        )
    told = read.rename({"id": "key", "model": "judge_model"})
    asked_for = planted_readings().join(told, on="key", how="left", maintain_order="left")
    table = asked_for.rename({"id": "task", "key": "id"}).select(COLUMNS)
    figures = calibration_of(table).figures()
    versions = {TASKS: planted_version(), PROMPT: judging.judge_prompt(how).version}
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **owed_metadata(owed(read)),
            **versions,
            **{name: value for name, value in figures.items() if value is not None},
            **_drift(context, figures, versions),
        }
    )
    return table


def _facts(place: Place, table: pl.DataFrame) -> Facts:  # noqa: ARG001
    return judge_facts(calibration_of(table))


def calibration_of(table: pl.DataFrame) -> Calibration:
    """What a table of readings, all its rows, says of the judge."""
    return calibrate(by_task(table))


def by_task(table: pl.DataFrame) -> pl.DataFrame:
    """Readings with the task's name as their id, as the methods take them."""
    return table.with_columns(id="task")


def judge_facts(found: Calibration) -> Facts:
    """What the gate's rules are about; what was not measured counts as such, and closes the gate."""
    figures = found.figures()
    return {
        "requested": planted_readings().height,
        "unread": found.unread,
        "unmeasured": sum(figures[name] is None for name in GATED),
        **{name: figures[name] for name in GATED},
    }


def require_calibrated(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Do nothing if the judge may be asked: it need not be calibrated, or it is, by the prompt of today, and passed.

    Raises:
        NotCalibrated: it was not, or by another prompt.
        GateClosed: it was, and cannot be trusted.
    """
    if not settings.gates.judge.required:
        return
    model = settings.role("judge").model or ""
    record = latest_materialization(instance, JUDGE, model)
    if record is None or record.asset_materialization is None:
        raise NotCalibrated(model, "was never calibrated")
    if _told(record, PROMPT) != judging.judge_prompt(settings.evolution.judging).version:
        raise NotCalibrated(model, "was calibrated with another prompt")
    check = dg.AssetCheckKey(JUDGE, gate_name(STAGE))
    found = judgement(instance, check, model, record)
    if found.state is not GateState.PASSED:
        raise GateClosed(check, model, found.state, found.why)
    if found.thresholds is None or _bounds(found.thresholds) != _bounds(thresholds(STAGE, settings)):
        raise NotCalibrated(model, "was judged by other thresholds")


def _bounds(told: str) -> set[str]:
    """The thresholds that a verdict rests on: whether a calibration is required is none of them."""
    return {part for part in told.split(", ") if not part.startswith("gates.judge.required ")}


def _drift(
    context: dg.AssetExecutionContext, figures: Mapping[str, float | int | None], versions: Mapping[str, str]
) -> dict[str, float]:
    """How the figures moved since the last calibration of the same judge by the same tasks and prompt."""
    record = latest_materialization(context.instance, JUDGE, context.partition_key)
    if record is None or any(_told(record, name) != version for name, version in versions.items()):
        return {}
    before = {name: value for name in figures if isinstance(value := _told(record, name), int | float)}
    moved = drift(figures, before)
    return {f"{name}_drift": value for name, value in moved.items() if value is not None}


def _told(record: dg.EventLogRecord, name: str) -> object:
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    return metadata[name].value if name in metadata else None
