"""What a sensor may do next for a batch or tree by itself, as far as its recipe says."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from evergrow.assets.names import RELEASES_NAME, SEEDS
from evergrow.flows.due import Standing, What
from evergrow.flows.evolve import evolution_steps
from evergrow.flows.grow import domain_of, tree_steps
from evergrow.flows.recipes import settings_of
from evergrow.flows.release import dataset_steps, register_tree_rows, release_step
from evergrow.flows.step import Step
from evergrow.flows.workspace import Workspace
from evergrow.methods.treesynth.domain_files import DomainError
from evergrow.resources.lake.versions import UNTRIED, noted
from evergrow.resources.ledger import Ledger, State, kind_of
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.llm.budget import room
from evergrow.resources.registry.batches import BatchError, taken_as_is
from evergrow.resources.registry.recipes import Kind
from evergrow.resources.registry.releases import set_wish, wish
from evergrow.resources.registry.trees import TreeError, tree_spec
from evergrow.resources.settings import SettingsError

FAULTS = (SettingsError, BatchError, TreeError, DomainError, dg.Failure)


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is to start, and why; `settled`: nothing will be due until something changes."""

    why: str
    settled: bool = False


def next_step(
    workspace: Workspace, kind: Kind, name: str, automate: str, *, registering: bool = False
) -> tuple[Step, Standing] | Idle:
    """The first step of an owner of which something is due, and the table in it; or why nothing is to start.

    A fault of this owner, as a price or a domain that is missing, is its reason to wait, and no one else's. Asking
    changes nothing unless it is `registering`, for who takes the step: see `automated_steps`.
    """
    try:
        return _next_step(workspace, kind, name, automate, registering=registering)
    except FAULTS as error:
        return Idle(getattr(error, "description", None) or str(error))


def _next_step(
    workspace: Workspace, kind: Kind, name: str, automate: str, *, registering: bool
) -> tuple[Step, Standing] | Idle:
    with workspace.ledger() as ledger:
        handed_in = ledger.submissions.find((*AT_ENDPOINT, State.FETCHED), batch=name)
    # The samples of a tree that is to be released are a batch of its name.
    of = {kind, "batch"} if automate == "release" else {kind}
    if waits := [one for one in handed_in if one.kind in of]:
        return Idle(f"{waits[0].asset} waits for a Batch API; the sensor offline_batches goes on with it")
    settled = True
    for step in automated_steps(workspace, kind, name, automate, registering=registering):
        for key in step.keys:
            standing = workspace.frontier.standing(workspace.instance, key, step.partition)
            if standing.due is None:
                settled = settled and not noted(standing.version, UNTRIED)  # a sandbox may come at any time
                if standing.shut:
                    return Idle(f"the gate of {key.to_user_string()} is closed: {standing.shut}", settled=settled)
                continue
            if standing.due.what is not What.JUDGE and (full := _no_room(workspace, standing)):
                return Idle(full)
            return step, standing
    return Idle(f"it is done as far as its recipe says (automate: {automate})", settled=settled)


def _no_room(workspace: Workspace, standing: Standing) -> str | None:
    with workspace.ledger() as ledger:
        return no_room(ledger, standing)


def no_room(ledger: Ledger, standing: Standing) -> str | None:
    """Why a table could ask nothing now: which limit of its owner is used up; None while there is room, or no need.

    Raises:
        SettingsError: a limit is in US dollars and a price is missing.
    """
    table, place = standing.table, standing.place
    kind = kind_of(table.key.to_user_string(), place.partition or "")
    return room(place.settings, ledger, place.owner, kind) if table.asks else None


def automated_steps(workspace: Workspace, kind: Kind, name: str, automate: str, *, registering: bool) -> Iterator[Step]:
    """The steps that sensors take by themselves, in their order; what follows a step is asked for when it is done.

    registering: a tree's samples become a batch before its dataset, and what the release holds is written down before
        it, as the two need.
    """
    yield from first_steps(workspace, kind, name)
    if automate == "release":
        if registering and kind == "tree":
            register_tree_rows(workspace, name)
        yield from dataset_steps(name)
        if registering and wish(workspace.registry, name) is None:
            set_wish(workspace.registry, name, [name])
            workspace.instance.add_dynamic_partitions(RELEASES_NAME, [name])
        yield release_step(name)


def first_steps(workspace: Workspace, kind: Kind, name: str) -> Iterator[Step]:
    """The steps of a batch or tree up to its samples, in their order; asking changes nothing."""
    if kind == "tree":
        domain_of(workspace, tree_spec(workspace.registry, name).domain)  # a tree without its domain goes nowhere
        yield from tree_steps(workspace, name)
    elif not taken_as_is(workspace.registry, name):
        yield from evolution_steps(settings_of(workspace, kind, name), name)
    else:
        yield Step("seeds", [SEEDS], name, "seeds")
