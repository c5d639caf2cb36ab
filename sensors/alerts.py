"""Messages to people: runs that failed, gates that closed, budgets that are spent, batches that stand still."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dagster as dg

from evergrow.flows.automation import Idle, next_step
from evergrow.flows.causes import cause_of
from evergrow.flows.due import Frontier
from evergrow.flows.runs import under_way
from evergrow.flows.workspace import Workspace
from evergrow.resources.alerts import Alert, AlertError, send
from evergrow.resources.host.event_log import EventLog
from evergrow.resources.models import AWAITS
from evergrow.resources.registry.owner_names import of_lease
from evergrow.resources.registry.owners import owner_of
from evergrow.resources.registry.recipes import Recipe, latest_recipes
from evergrow.resources.registry.twins import TWIN
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.recipe import AUTOMATE
from evergrow.sensors.advance import changed_owners, in_turn
from evergrow.sensors.cursor import Cursor
from evergrow.sensors.result import worked_on

LOOK_S = 300  # between two looks for what stands still
TELLING_S = 20.0  # a look tells of nothing after it; the next one goes on: the daemon gives a sensor a minute
HOUR_S = 3_600


@dataclass(slots=True)
class Standstills(Cursor):
    """What the last look knew, and of which standstills people were told.

    Attributes:
        told: when the last table was made (epoch s) of owners of which it was told that they stand still.
    """

    told: dict[str, float] = field(default_factory=dict)


def alert_sensors(settings: Settings, frontier: Frontier) -> list[dg.SensorDefinition]:
    """The sensors that send what the setting `alerts.events` names; none where it names nothing."""
    wanted = settings.alerts.events
    of_runs = [failed_runs_sensor(settings)] if set(wanted) - {"stalled"} else []
    return [*of_runs, *([stalled_sensor(settings, frontier)] if "stalled" in wanted else [])]


def failed_runs_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor that tells of each run that failed, once, by its cause."""
    causes = [event for event in settings.alerts.events if event != "stalled"]

    @dg.run_failure_sensor(
        name="alerts",
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Sends a message for each run that fails by: {', '.join(causes)}. Starts no run.",
    )
    def alerts(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if AWAITS in run.tags:
            return dg.SkipReason(f"run {run.run_id} ended to wait for a Batch API")
        if TWIN in run.tags:
            return dg.SkipReason(f"run {run.run_id} had nothing to do: run {run.tags[TWIN]} has done it")
        found = cause_of(context.instance, run.run_id)
        if found.kind.value not in settings.alerts.events:
            return dg.SkipReason(f"run {run.run_id}: alerts.events does not name {found.kind}")
        whose = owner_of(run)
        owner = " ".join(of_lease(whose)) if whose else run.job_name
        send(settings, Alert(found.kind.value, owner, found.words, run.job_name, run.run_id))
        return None

    return alerts


def stalled_sensor(settings: Settings, frontier: Frontier) -> dg.SensorDefinition:
    """The sensor that tells of each automated batch or tree that stands still, once a standstill."""

    @dg.sensor(
        name="stalled",
        minimum_interval_seconds=LOOK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends a message for each automated batch or tree of which something is due and nothing was made "
        f"for {settings.alerts.stalled_h:g} hours (alerts.stalled_h). Starts no run.",
    )
    def stalled(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        frontier.forget()
        workspace = Workspace(settings, context.instance, frontier)
        seen = Standstills.read(context.cursor)
        said = list(_told(workspace, seen, context.log.error))
        context.update_cursor(seen.write())
        return dg.SkipReason("; ".join(said) or "nothing that is automated stands still")

    return stalled


def _told(workspace: Workspace, seen: Standstills, log_error: Callable[[str], None]) -> Iterator[str]:
    """Tell of standstills, for `TELLING_S`: what people were told, and what they could not be; noted in `seen`."""
    end = time.monotonic() + TELLING_S
    changed, seen.event = changed_owners(workspace, seen.event)
    seen.settled = {key: version for key, version in seen.settled.items() if key not in changed}
    busy = under_way(workspace.instance, workspace.registry)
    recipes = {f"{r.kind}/{r.name}": r for r in latest_recipes(workspace.registry) if r.kind != "release"}
    automated = {key: recipe for key, recipe in recipes.items() if recipe.values.get(AUTOMATE) != "none"}
    for key, recipe in in_turn(automated, seen.last).items():
        if seen.settled.get(key) != recipe.version and not worked_on(workspace.registry, busy, recipe):
            yield from _tell(workspace, recipe, key, seen, log_error)
        seen.last = key
        if time.monotonic() > end:
            return
    seen.last = ""


def _tell(
    workspace: Workspace, recipe: Recipe, key: str, seen: Standstills, log_error: Callable[[str], None]
) -> Iterator[str]:
    """Tell of one owner, if it stands still for long enough and nobody was told of it."""
    found = standstill(workspace, recipe)
    if found is None:
        seen.settled[key] = recipe.version
        return
    since, why = found
    hours = (time.time() - since) / HOUR_S
    if seen.told.get(key) == since or hours < workspace.settings.alerts.stalled_h:
        return
    try:
        alert = Alert("stalled", f"{recipe.kind} {recipe.name}", f"{why}; still for {hours:,.1f} hours")
        send(workspace.settings, alert)
    except AlertError as error:  # the others are told nevertheless, and this one at the next look
        log_error(str(error))
        yield str(error)
        return
    seen.told[key] = since
    yield f"{key}: {why}"


def standstill(workspace: Workspace, recipe: Recipe) -> tuple[float, str] | None:
    """Since when (epoch s) nothing was made of a batch or tree, and what it waits for; None if nothing is due."""
    found = next_step(workspace, recipe.kind, recipe.name, str(recipe.values.get(AUTOMATE)))
    if isinstance(found, Idle):
        return None if found.settled else (_last_made(workspace, recipe), found.why)
    return _last_made(workspace, recipe), f"{found[0].job} is due: {found[1].due}"


def _last_made(workspace: Workspace, recipe: Recipe) -> float:
    """When the last of its tables was made, or its recipe was written, whichever is later; epoch s."""
    keys = [key for key, table in workspace.frontier.tables.items() if table.kind == recipe.kind]
    try:
        partitions = {one for key in keys for one in workspace.partitions(key, recipe.name)}
    except SettingsError:  # the recipe itself is what it waits for
        partitions = set()
    last = EventLog.now(workspace.instance).last_made([key.path for key in keys], sorted(partitions))
    return max(recipe.at.timestamp(), last.timestamp if last else 0.0)
