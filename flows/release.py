"""A dataset of batches and trees, as data and as a pass: answers, verdicts, clean rows, one release. It resumes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.names import (
    CLEAN,
    COLLECTED,
    MAIN,
    RELEASE,
    RELEASES_NAME,
    RESPONSES,
    SEEDS,
    VERIFIED,
    stage_key,
)
from evergrow.flows.descendants import banned_models
from evergrow.flows.grow import Part, tree_seeds
from evergrow.flows.recipes import settings_of, take_recipe
from evergrow.flows.remedies import command_of
from evergrow.flows.run import Interrupted, RunFailed, Say, execute, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.step import Anew, Step, bring
from evergrow.flows.submissions import look_for_answers
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.registry.batches import BatchError, stage, staged_batches, take_as_is, taken_as_is
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import release_owner
from evergrow.resources.registry.releases import ReleaseRequest, require_release_name, set_wish, wish
from evergrow.resources.releases.proof import Lookup

OP = "__".join(RELEASE.path)
STEPS = (("seeds", SEEDS), ("responses", RESPONSES), ("verified", VERIFIED), ("clean", CLEAN))


class UnknownRelease(dg.Failure):
    """There is no release of that name; the message names those that there are."""


def dataset_steps(batch: str) -> list[Step]:
    """The tables of a batch from its seeds to its clean rows, in the order in which they are made."""
    return [Step(job, [key], batch, f"{batch}: {job}") for job, key in STEPS]


def release_step(name: str) -> Step:
    """The table of a release."""
    return Step("release", [RELEASE], name, f"release {name!r}")


def make_release(
    workspace: Workspace,
    request: ReleaseRequest,
    say: Say,
    name: str = MAIN,
    changes: Mapping[str, Any] | None = None,
) -> bool:
    """Every step of every batch of which something is due, then the release; False where answers are still awaited.

    Args:
        workspace: where.
        request: what the release is to hold.
        say: told what is done, and why.
        name: of the release.
        changes: settings, nested, that are changed in the recipes of its batches and its own.

    Raises:
        ReleaseNameError: the name cannot be a release's.
        BatchError: a tree has the name of another batch, or a batch is neither evolved nor taken as it is.
        BatchBusy: another command is making the release, or a run works on one of its batches.
        RunFailed: a step failed, its gate did not pass, or it was interrupted; what was done before stays.
    """
    require_release_name(name)  # before answers are paid for
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, release_owner(name)):
        trees = [register_tree_rows(workspace, tree) for tree in request.trees]
        batches = list(dict.fromkeys([*request.batches, *trees]))
        for batch in request.batches:
            _require_samples(workspace, batch, as_is=request.as_is)
        for batch in batches:
            for line in take_recipe(workspace, "batch", batch, "evergrow release", changes or {}):
                say(line)
            if latest_materialization(workspace.instance, RESPONSES, batch) is None:
                for line in banned_models(workspace, settings_of(workspace, "batch", batch), "responder"):
                    say(f"{batch}: note: {line}")
            if not _make_clean(workspace, batch, say):
                return False
        for line in take_recipe(workspace, "release", name, "evergrow release", changes or {}):
            say(line)
        workspace.instance.add_dynamic_partitions(RELEASES_NAME, [name])
        _make_as_asked(workspace, name, replace(request, batches=tuple(batches)), say)
    return True


def _make_as_asked(workspace: Workspace, name: str, request: ReleaseRequest, say: Say) -> None:
    """Make the table of a release; what cannot be met leaves what it was asked to hold before, and its rows."""
    before, version = wish(workspace.registry, name), latest_materialization(workspace.instance, RELEASE, name)
    set_wish(workspace.registry, name, request.batches, request.trees, request.rows, request.as_is)
    try:
        with resumable("the same command"):
            bring(workspace, release_step(name), name, say)
    except Interrupted:
        raise
    except RunFailed:
        now = latest_materialization(workspace.instance, RELEASE, name)
        if before and version and now and version.storage_id == now.storage_id:
            set_wish(workspace.registry, name, before.batches, before.trees, before.rows, before.as_is)
        raise


def register_tree_rows(workspace: Workspace, tree: str, of: Part = "samples") -> str:
    """The samples of a tree, registered as the batch of the same name; what it balanced or converted, as `TREE-OF`.

    Raises:
        BatchError: a batch of other seeds has the name.
        dg.Failure: they are not all written, or a gate is closed.
    """
    seeds, name = tree_seeds(workspace, tree, of), tree if of == "samples" else f"{tree}-{of}"
    other = next((b for b in staged_batches(workspace.registry) if b.batch == name and b.origin != seeds.origin), None)
    if other:
        raise BatchError(
            f"a batch of other seeds, from {other.origin or 'elsewhere'}, is called {name!r}, as this one is to be: "
            "register the tree's samples under another name (`evergrow seeds from-tree`) and release that with --as-is"
        )
    stage(workspace.registry, name, seeds, replace=True)
    take_as_is(workspace.registry, name)
    return workspace.add_partition(name)


def released(workspace: Workspace, name: str = MAIN) -> pl.DataFrame:
    """The rows of a release, through its gate.

    Raises:
        UnknownRelease: there is none.
        dg.Failure: its gate is closed, or something was banned since.
    """
    try:
        return workspace.table(RELEASE, name).collect()
    except NeverMaterialized as error:
        raise unknown_release(workspace, name) from error


def unknown_release(workspace: Workspace, name: str) -> UnknownRelease:
    """That there is no release of that name, and which there are."""
    there = ", ".join(map(repr, sorted(workspace.instance.get_materialized_partitions(RELEASE))))
    which = "" if name == MAIN else f" --name {name}"
    return UnknownRelease(
        f"there is no release {name!r}{f'; there are {there}' if there else ''}: "
        f"`evergrow release --batch B{which}` makes one",
        allow_retries=False,
    )


def made(workspace: Workspace, name: str) -> bool:
    """Whether there is such a release."""
    return latest_materialization(workspace.instance, RELEASE, name) is not None


def behind(workspace: Workspace, name: str = MAIN) -> str | None:
    """What has changed since the release was made, which stays as it is; None if it holds what it would hold today."""
    due = workspace.frontier.due(workspace.instance, RELEASE, name) if made(workspace, name) else None
    again = release_command(workspace, name)
    return f"release {name!r} is behind: {due}; `{again}` makes it again" if due else None


def release_command(workspace: Workspace, name: str, batches: Sequence[str] = ()) -> str:
    """What makes a release anew, of the same batches and size; of `batches`, where it is not known who asked for it."""
    return command_of(name, wish(workspace.registry, name) or ReleaseRequest(), batches)


def asked_for(workspace: Workspace, name: str) -> ReleaseRequest | None:
    """What the release called `name` was last asked to hold, in the words of the command; None if nobody asked."""
    known = wish(workspace.registry, name)
    # The rows of a tree come in as a batch of its name.
    return known and replace(known, batches=tuple(batch for batch in known.batches if batch not in known.trees))


def take_down(workspace: Workspace, name: str) -> None:
    """Take what is banned out of the rows that a release holds, and change nothing else of it.

    Raises:
        RunFailed: its gate closes, as too little is left, or its rows cannot be read.
    """
    with resumable("the same command"):
        execute(workspace, "release", [RELEASE], name, whose=name, config={"ops": {OP: {"config": {"takedown": True}}}})


def look_up(workspace: Workspace, name: str = MAIN) -> Lookup:
    """Finds rows of a release by their `batch, id`.

    Raises:
        dg.Failure: there is no release, or its gate is closed.
    """
    rows = released(workspace, name)
    return lambda wanted: rows.join(wanted.select("batch", "id"), on=["batch", "id"], how="semi")


def _require_samples(workspace: Workspace, batch: str, *, as_is: bool) -> None:
    workspace.require_batch(batch)
    if latest_materialization(workspace.instance, COLLECTED, batch) or taken_as_is(workspace.registry, batch):
        return
    begun = latest_materialization(workspace.instance, stage_key(1, "instructions"), batch)
    if as_is and not begun:
        take_as_is(workspace.registry, batch)
        return
    raise BatchError(
        f"batch {batch!r} is not {'collected' if begun else 'evolved'} yet: `evergrow run --batch {batch}` does it"
        + ("" if begun else "; with --as-is its seeds are answered as they are")
    )


def _make_clean(workspace: Workspace, batch: str, say: Say) -> bool:
    close_dead_runs(workspace.instance, workspace.registry)
    with resumable("the same command"), lease(workspace.registry, batch):
        awaited = look_for_answers(workspace, batch, say)
        if awaited.open:
            return False
        for step in dataset_steps(batch):
            if waiting := bring(workspace, step, batch, say, Anew(answered=awaited.tables, tags=awaited.tags)):
                say(f"{step.label} is {waiting}")
                return False
    for line in _not_compared(workspace, batch):
        say(f"{batch}: {line}")
    return True


def _not_compared(workspace: Workspace, batch: str) -> Iterator[str]:
    """Which benchmarks the clean rows were not compared with: an unnoticed gap is worse than a known one."""
    record = latest_materialization(workspace.instance, CLEAN, batch)
    if note := noted(record, "benchmarks_note"):
        yield str(note)
    if missing := noted(record, "benchmarks_missing"):
        yield f"not compared with {', '.join(map(str, missing))}, which one would expect for such tasks"
