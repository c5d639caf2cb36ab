"""Calibrates judges on planted tasks, and says what came of it, against the last time and against each other."""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from evergrow.assets.names import JUDGE, MODELS_NAME
from evergrow.assets.trust.judge import calibration_of, comparable, readings_by, scores_by
from evergrow.assets.trust.questions import asked_of, methods_of, reading_requests, readings_work
from evergrow.flows.plan import CostPlan, planned
from evergrow.flows.replies import still_asked
from evergrow.flows.run import RunFailed, Say, execute, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.workspace import Workspace
from evergrow.methods.calibration.calibration import calibrate, spearman
from evergrow.methods.evolution.judge import Judging
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger
from evergrow.resources.models import FRESH_SINCE
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import lease_name
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.growth import Evolution
from evergrow.resources.settings.roles import model_name

WANTED = {
    "rank_correlation": ("at least", "min_rank_correlation"),
    "retest_change": ("at most", "max_retest_change"),
    "injection_gain": ("at most", "max_injection_gain"),
    "unread": ("at most", "max_unread"),
}


class NeverCalibrated(Exception):  # noqa: N818 - it is a state of the judge
    """A judge has no calibration to show; the message says which, and how to make one."""


def plan_calibration(workspace: Workspace, model: str, *, fresh: bool = False) -> CostPlan:
    """What reading the planted tasks would take; `fresh`: anew, whatever the ledger has."""
    settings = asked_of(workspace.settings, "judge", known_name(model))
    with workspace.ledger() as ledger:
        return plan_readings(settings, ledger, model, methods_of(settings.evolution), fresh=fresh)


def plan_readings(
    settings: Settings, ledger: Ledger, model: str, methods: Mapping[Judging, int], *, fresh: bool = False
) -> CostPlan:
    """What the readings by these methods would take that the ledger does not have; `fresh`: all of them."""
    work, asked = readings_work(methods), () if fresh else reading_requests(methods)
    left, paid = still_asked(settings, ledger, work, asked, "readings")
    plan = planned(settings, ledger, [left], f"judge:{model}", kind="model")
    return replace(plan, notes=[*(f"{note}, but with --fresh" for note in paid), *plan.notes])


def calibrate_judge(
    workspace: Workspace,
    model: str,
    say: Say,
    *,
    fresh: bool = False,
    methods: Mapping[Judging, int] = MappingProxyType({}),
) -> str | None:
    """Have a judge read the planted tasks, as far as the ledger does not have its readings; why its gate is closed.

    fresh: ask for all readings anew, which shows how the judge has drifted.
    methods: by what other methods it reads them, with how many readings a score is the mean of.

    Raises:
        SettingsError: the name is none that a model can have.
        BatchBusy: another process calibrates it.
        RunFailed: the readings could not be made, or were interrupted.
    """
    workspace.instance.add_dynamic_partitions(MODELS_NAME, [known_name(model)])
    close_dead_runs(workspace.instance, workspace.registry)
    with resumable(f"evergrow judge calibrate --model {model}"), lease(workspace.registry, lease_name("model", model)):
        before = latest_materialization(workspace.instance, JUDGE, model)
        try:
            tags = {FRESH_SINCE: str(time.time())} if fresh else None
            config = {"ops": {"trust__judge": {"config": {"methods": dict(methods)}}}}
            waiting = execute(workspace, "judge", [JUDGE], model, tags=tags, config=config)
        except RunFailed as end:
            made = latest_materialization(workspace.instance, JUDGE, model)
            if made is None or (before and made.storage_id == before.storage_id):
                raise
            return str(end)
    if waiting:
        say(f"the readings of {model!r} are {waiting}")
    return None


def calibration_table(workspace: Workspace, model: str) -> pl.DataFrame:
    """How a judge did: `figure, value, drift` (since its last calibration, null at the first), `wanted`.

    Raises:
        NeverCalibrated: it has not been calibrated.
    """
    figures = calibration_of(_readings(workspace, model), workspace.settings.evolution).figures()
    record = latest_materialization(workspace.instance, JUDGE, model)
    told = record.asset_materialization.metadata if record and record.asset_materialization else {}
    gates = workspace.settings.gates.judge
    moved = {name: told[key].value for name in figures if (key := f"{name}_drift") in told}
    bounds = {name: f"{word} {getattr(gates, path):g}" for name, (word, path) in WANTED.items()}
    return pl.DataFrame(
        {
            "figure": list(figures),
            "value": [None if value is None else float(value) for value in figures.values()],
            "drift": [moved.get(name) for name in figures],
            "wanted": [bounds.get(name, "") for name in figures],
        },
        schema={"figure": pl.String, "value": pl.Float64, "drift": pl.Float64, "wanted": pl.String},
        strict=False,
    )


def compare_judges(workspace: Workspace, first: str, second: str) -> pl.DataFrame:
    """Two judges' figures side by side, and how far they agree task by task: `figure, first, second, difference`.

    Raises:
        NeverCalibrated: one of them has not been calibrated.
    """
    rules = workspace.settings.evolution
    readings = [scores_by(_readings(workspace, model), rules) for model in (first, second)]
    figures = [calibrate(one).figures() for one in readings]
    rows = [
        (name, a, b, None if a is None or b is None else b - a)
        for name, a in figures[0].items()
        for b in (figures[1][name],)
    ]
    means = [one.group_by("id").agg(pl.col("score").mean()).drop_nulls() for one in readings]
    both = means[0].join(means[1], on="id", suffix="_second")
    change = (both["score"] - both["score_second"]).abs().mean()
    rows += [
        ("rank_agreement_of_the_two", None, None, spearman(both["score"], both["score_second"])),
        ("mean_distance_of_the_two", None, None, float(change) if isinstance(change, int | float) else None),
    ]
    schema = {"figure": pl.String, "first": pl.Float64, "second": pl.Float64, "difference": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row", strict=False)


def judge_note(workspace: Workspace, model: str, settings: Settings) -> str:
    """A sentence for a card: how the judge did on the planted tasks, or that nobody knows.

    Args:
        workspace: where.
        model: as it stands in the rows, by the name that its endpoint gave it.
        settings: those that the rows were judged by.
    """
    rules = settings.evolution
    asked_as = settings.role("judge").model or model
    table = next((found for name in (model, asked_as) if (found := _read_by(workspace, name, rules)) is not None), None)
    if table is None:
        return f"The judge {model} was not calibrated on planted tasks in the way that it was asked."
    figures = calibration_of(table, rules).figures()
    told = {
        "rank correlation with the known order": figures["rank_correlation"],
        "points between two scores of a task": figures["retest_change"],
        "points gained by words that address the judge": figures["injection_gain"],
        "scores that failed": figures["unread"],
    }
    shown = ", ".join(f"{name} {'unknown' if value is None else f'{value:.2g}'}" for name, value in told.items())
    return f"The judge {model} on {figures['tasks']} planted tasks, each scored twice: {shown}."


def _read_by(workspace: Workspace, model: str, rules: Evolution) -> pl.DataFrame | None:
    """The readings of a judge, if it has read the planted tasks as these rules have it read."""
    record = latest_materialization(workspace.instance, JUDGE, model)
    if record is None:
        return None
    table = comparable(workspace.lake.version(record, "all").collect())
    return table if readings_by(table, rules).height else None


def known_name(model: str) -> str:
    """`model`, if a model can be called so.

    Raises:
        SettingsError: it cannot.
    """
    try:
        return model_name(model)
    except ValueError as why:
        raise SettingsError(f"--model {model!r}: {why}") from why


def _readings(workspace: Workspace, model: str) -> pl.DataFrame:
    rules = workspace.settings.evolution
    table = _read_by(workspace, model, rules)
    if table is None:
        way = f"{rules.judging}, {counted(rules.readings, 'readings')} a score"
        raise NeverCalibrated(
            f"the judge {model!r} was never calibrated as it is asked today ({way}): "
            f"evergrow judge calibrate --model {model}"
        )
    return table
