"""Batches and trees whose recipe says so are taken on: rounds, levels, samples, and the dataset up to its release.

What is due is decided in `flows.due` alone; here it becomes runs. A look costs what has changed since the last one: an
owner of which nothing is due is looked at again only when one of its tables, or its recipe, changes.
"""

import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from evergrow.assets.names import gate_name
from evergrow.flows.automation import Idle, next_step
from evergrow.flows.due import Frontier, Standing, What
from evergrow.flows.recipes import which
from evergrow.flows.runs import under_way
from evergrow.flows.step import Step
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.resources.host.dagster_private import UnresolvedAssetJobDefinition
from evergrow.resources.host.event_log import EventLog
from evergrow.resources.registry.owner_names import owner
from evergrow.resources.registry.recipes import Recipe, latest_recipes
from evergrow.resources.settings import Settings
from evergrow.resources.settings.recipe import AUTOMATE
from evergrow.sensors.cursor import Cursor
from evergrow.sensors.result import answer, once, worked_on

LOOK_S = 20.0  # a look begins nothing after it; the next one goes on: the daemon gives a sensor a minute
PAUSE_S = 60.0  # before what failed is asked again for the first time; each further pause is four times as long


@dataclass(slots=True)
class Attempts(Cursor):
    """What the last look knew, and how often what failed was asked again.

    Attributes:
        tried: how often, and when last (epoch s), by owner and table.
    """

    tried: dict[str, tuple[int, float]] = field(default_factory=dict)


def advance_sensor(
    settings: Settings, frontier: Frontier, jobs: Sequence[UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """The sensor that launches, for each batch and tree that is automated, what is due of it."""

    @dg.sensor(
        name="advance",
        jobs=list(jobs),
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes on the batches and trees whose recipe says `automate: rounds` or `release`, and leaves all "
        "others alone; `evergrow recipe set NAME automate=rounds` switches it on. Starts one run for each at a time: "
        "the job of the first table of which something is due, which may ask models. Closed gates and budgets stop it.",
    )
    def advance(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        frontier.forget()
        workspace = Workspace(settings, context.instance, frontier)
        cursor = Attempts.read(context.cursor)
        recipes = {f"{r.kind}/{r.name}": r for r in latest_recipes(workspace.registry) if r.kind != "release"}
        automated = {key: recipe for key, recipe in recipes.items() if recipe.values.get(AUTOMATE) != "none"}
        changed, upto = changed_owners(workspace, cursor.event)
        for key in changed:  # whatever comes between, it is looked at
            cursor.settled.pop(key, None)
        open_ = in_turn({k: r for k, r in automated.items() if cursor.settled.get(k) != r.version}, cursor.last)
        busy = under_way(context.instance, workspace.registry)
        decisions = (
            (recipe.name, worked_on(workspace.registry, busy, recipe) or decide(workspace, recipe, cursor))
            for recipe in open_.values()
        )
        result = answer(context, _settling(decisions, open_, cursor), _nothing(recipes, automated))
        cursor.event = upto
        context.update_cursor(cursor.write())
        return result

    return advance


def decide(workspace: Workspace, recipe: Recipe, cursor: Attempts) -> dg.RunRequest | Idle:
    """The run that takes an owner on, or why there is none; a fault of its own never stops the others."""
    step = next_step(workspace, recipe.kind, recipe.name, str(recipe.values.get(AUTOMATE)), registering=True)
    if isinstance(step, Idle):
        return step
    chosen, standing = step
    of = which(workspace, recipe.kind, recipe.name)
    again = f"mend the cause, then `evergrow recipe set {recipe.name}{of}` or the command by hand"
    if standing.due and standing.due.what is What.MAKE_FAILED:
        key = f"{recipe.kind}/{recipe.name}/{standing.table.key.to_user_string()}/{standing.place.partition}"
        if wait := _too_soon(workspace.settings, cursor, key, standing):
            return wait
        count, _ = cursor.tried.get(key, (0, 0.0))
        cursor.tried[key] = (count + 1, time.time())
    found = once(workspace.instance, request(recipe, chosen, standing), again)
    return found if isinstance(found, dg.RunRequest) else Idle(found.why, settled=True)


def request(recipe: Recipe, step: Step, standing: Standing) -> dg.RunRequest:
    """A run of a step from the table on of which something is due; one cause launches one run."""
    key, due = standing.table.key, standing.due
    cause = standing.version.storage_id if standing.version else 0
    tags = {"evergrow/batch": recipe.name, "evergrow/cause": str(due)[:200]}
    run_key = f"{recipe.name}:{step.partition}:{step.job}:{key.path[-1]}:{cause}:{recipe.version}:{due}"
    if due and due.what is What.JUDGE:
        check = dg.AssetCheckKey(key, gate_name(str(standing.table.stage)))
        return dg.RunRequest(
            run_key=run_key, job_name=step.job, partition_key=step.partition, tags=tags, asset_selection=[],
            asset_check_keys=[check],
        )  # fmt: skip
    selected = list(step.keys[list(step.keys).index(key) :])
    return dg.RunRequest(
        run_key=run_key, job_name=step.job, partition_key=step.partition, tags=tags, asset_selection=selected
    )


def _settling(
    decisions: Iterator[tuple[str, dg.RunRequest | Idle]], open_: Mapping[str, Recipe], cursor: Attempts
) -> Iterator[tuple[str, dg.RunRequest | Idle]]:
    """The decisions as they come, for `LOOK_S`; owners of which nothing is due are noted in the cursor.

    So is the owner at which whoever takes them stops, as there are runs enough.
    """
    end = time.monotonic() + LOOK_S
    for (key, recipe), (name, decision) in zip(open_.items(), decisions, strict=False):
        if isinstance(decision, Idle) and decision.settled:
            cursor.settled[key] = recipe.version
        else:
            cursor.settled.pop(key, None)
        cursor.last = key
        yield name, decision
        if time.monotonic() > end:
            return
    cursor.last = ""


def in_turn(open_: Mapping[str, Recipe], last: str) -> dict[str, Recipe]:
    """The owners by name, those after the one at which the last look ended first."""
    names = sorted(open_)
    at = bisect_right(names, last)
    return {name: open_[name] for name in (*names[at:], *names[:at])}


def changed_owners(workspace: Workspace, since: int) -> tuple[set[str], int]:
    """The owners, as `kind/name`, whose tables were made since an event; and the latest event.

    No event is read: a first look, of a sensor that knows nothing yet, finds every table that was ever made.
    """
    made, upto = EventLog.now(workspace.instance).made_since(since)
    kinds = {tuple(key.path): table.kind for key, table in workspace.frontier.tables.items()}
    ours = ((kinds.get(tuple(path)), partition or path[-1]) for path, partition in made)
    return {f"{kind}/{owner(partition)}" for kind, partition in ours if kind}, upto


def _too_soon(settings: Settings, cursor: Attempts, key: str, standing: Standing) -> Idle | None:
    count, last = cursor.tried.get(key, (0, 0.0))
    if count >= settings.sensors.retries:
        return Idle(f"{standing.due}; it was asked again {counted(count, 'times')} (sensors.retries)", settled=True)
    since = time.time() - last
    left = PAUSE_S * 4 ** max(count - 1, 0) - since if since >= 0 else 0.0  # the clock was set back meanwhile
    return Idle(f"{standing.due}; asked again in {left:,.0f} s") if count and left > 0 else None


def _nothing(recipes: Mapping[str, Recipe], automated: Mapping[str, Recipe]) -> str:
    if not recipes:
        return "no batch or tree is registered"
    if not automated:
        return (
            f"none of {counted(len(recipes), 'batches and trees', 'batch or tree')} is automated; `evergrow recipe "
            "set NAME automate=rounds` (or "
            "release) has the sensors take one on"
        )
    return (
        f"nothing is due of {counted(len(automated), 'batches and trees that are', 'batch or tree that is')} automated"
    )
