"""A step of a flow: tables of one job that are made together; and doing what is due of it, once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from evergrow.flows.due import NEVER_MADE, Reason, Standing, What
from evergrow.flows.recipes import which
from evergrow.flows.run import RunFailed, Say, execute, judge
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.readable import GateState
from evergrow.resources.registry.owner_names import owner


@dataclass(frozen=True, slots=True)
class Step:
    """Tables of one job, in the order in which they are made, and the partition of them that is meant.

    `label` is what people are told.
    """

    job: str
    keys: Sequence[dg.AssetKey]
    partition: str
    label: str


@dataclass(frozen=True, slots=True)
class Anew:
    """What a pass makes although nothing is due of it.

    Attributes:
        since: tables made before this moment (epoch s) are asked anew.
        answered: tables, by key, that waited for a Batch API whose answers have come.
        tags: of the runs.
    """

    since: float = 0.0
    answered: Collection[str] = ()
    tags: Mapping[str, str] | None = None


def bring(workspace: Workspace, step: Step, whose: str, say: Say, anew: Anew | None = None) -> str:
    """Do what is due of a step, once; returns what it waits for now, or "" if it is done.

    The first table of which something is to be made is made with all that follow it in its job. A table that only needs
    judging is judged, and no model is asked for it; see `judge`.

    Raises:
        OutOfBudget: the budget ended it.
        RunFailed: a table failed, or a gate lets nothing through.
    """
    anew = anew or Anew()
    judged = False
    for place, key in enumerate(step.keys):
        standing = workspace.frontier.standing(workspace.instance, key, step.partition)
        if why := _made_why(standing, anew):
            say(step.label if why == NEVER_MADE else f"{step.label}: {why}")
            made = list(step.keys[place:])
            waits = execute(workspace, step.job, made, step.partition, whose=whose, tags=anew.tags or {})
            for standing in (workspace.frontier.standing(workspace.instance, key, step.partition) for key in made):
                if standing.gate and standing.gate.warns:
                    say(f"warning: {standing.table.key.to_user_string()}: {standing.gate.why}")
            return waits
        if standing.due:
            say(f"{step.label}: {standing.due}; {key.path[-1]} is judged again")
            judged = True
        _require_open(workspace, standing)
    if not judged:
        say(f"{step.label}: up to date")
    return ""


def _made_why(standing: Standing, anew: Anew) -> str | None:
    """Why a table is made, or None."""
    key, due = standing.table.key, standing.due
    if anew.since and standing.version and standing.version.timestamp < anew.since:
        return "asked anew"
    if key.to_user_string() in anew.answered:
        return "the answers that it waited for have come"
    return str(due) if due and due.what is not What.JUDGE else None


def _require_open(workspace: Workspace, standing: Standing) -> None:
    shut = standing.shut
    if standing.due and standing.due.what is What.JUDGE:
        found = judge(workspace, standing)
        shut = found.why if found.state is not GateState.PASSED else None
    if shut:
        check = standing.table.stage
        kind, whose = standing.table.kind, owner(standing.place.partition or "")
        why = closed(workspace, kind, whose, shut)
        raise RunFailed(f"quality gate {standing.table.key.to_user_string()}:{check}_gate is closed: {why}")


def closed(workspace: Workspace, kind: str, whose: str, why: str) -> str:
    """Why a gate is closed, and how another threshold is set, where a setting holds it."""
    if ", setting " not in why:
        return why
    of = " --kind release" if kind == "release" else which(workspace, kind, whose)
    return (
        f"{why}; mend what it found, or set another threshold: `evergrow recipe set {whose} SETTING=VALUE{of}`, after "
        "which the same command judges again, for nothing"
    )


def describe(reason: Reason | None) -> str:
    """What is due, for people."""
    return "up to date" if reason is None else f"{reason.what}: {reason.why}"
