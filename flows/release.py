"""Makes a dataset of batches and trees: answers, verdicts, clean rows, one release. Resumes as runs of rounds do."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.dataset import release as releasing
from evergrow.assets.dataset.clean import benchmark_folder
from evergrow.assets.funnel import SCHEMA
from evergrow.assets.names import CLEAN, COLLECTED, RELEASE, RESPONSES, SEEDS, VERIFIED, stage_key
from evergrow.assets.tree_basis import BASIS
from evergrow.flows.frontier import NEVER_MADE, work_needed
from evergrow.flows.grow import Part, tree_seeds
from evergrow.flows.run import Interrupted, RunFailed, Say, due_tables, execute, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.submissions import look_for_answers
from evergrow.flows.workspace import Workspace
from evergrow.resources.benchmarks import benchmarks_digest
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.bans import bans
from evergrow.resources.registry.batches import BatchError, stage, staged_batches, take_as_is, taken_as_is
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.names import RELEASE_OWNER
from evergrow.resources.releases.verifying import Lookup

STEPS = (("seeds", SEEDS), ("responses", RESPONSES), ("verified", VERIFIED), ("clean", CLEAN))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a release is to hold: `batches`, evolved or as they are (`as_is`), `trees`, and exactly `rows` rows."""

    batches: Sequence[str] = ()
    trees: Sequence[str] = ()
    rows: int | None = None
    as_is: bool = False


def make_release(workspace: Workspace, wish: Wish, say: Say) -> bool:
    """Every step of every batch that needs work, then the release; False where answers are still awaited.

    Raises:
        BatchError: a tree has the name of another batch, or a batch is neither evolved nor taken as it is.
        RunFailed: a step failed, its gate did not pass, or it was interrupted; what was done before stays.
    """
    batches = list(dict.fromkeys([*wish.batches, *(as_batch(workspace, tree) for tree in wish.trees)]))
    for batch in wish.batches:
        _require_samples(workspace, batch, as_is=wish.as_is)
    for batch in batches:
        if not _make_clean(workspace, batch, say):
            return False
    _release(workspace, batches, wish.rows, say)
    return True


def release_funnel(workspace: Workspace, batches: Sequence[str]) -> pl.DataFrame:
    """Where the rows of these batches went, one below another, each row with its batch."""
    stages = [workspace.funnel(b).select(pl.lit(b).alias("batch"), pl.all()) for b in batches]
    return pl.concat([pl.DataFrame(schema={"batch": pl.String, **SCHEMA}), *stages])


def released(workspace: Workspace) -> pl.DataFrame:
    """The rows of the release, through its gate.

    Raises:
        dg.Failure: there is none, its gate is closed, or something was banned since.
    """
    rows = workspace.table(RELEASE, None).collect()
    if not _made_under_bans_of_today(workspace):
        raise dg.Failure(
            "what is banned changed since the release was made: `evergrow release` makes it again", allow_retries=False
        )
    return rows


def as_batch(workspace: Workspace, tree: str, of: Part = "samples") -> str:
    """The samples of a tree, registered as the batch of the same name; what it balanced or converted, as `TREE-OF`."""
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
        for job, key in STEPS:
            due, why = due_tables(workspace, [key], batch, 0.0, awaited)
            if not due and key == CLEAN and (why_not := benchmarks_changed(workspace, batch)):
                due, why = [key], why_not
            say(f"{batch}: {job}" if why == NEVER_MADE else f"{batch}: {job}: {why}")
            if due and (waiting := execute(workspace, job, due, batch, tags=awaited.tags)):
                say(f"{job} of batch {batch!r} is {waiting}")
                return False
    for line in _not_compared(workspace, batch):
        say(f"{batch}: {line}")
    return True


def _not_compared(workspace: Workspace, batch: str) -> Iterator[str]:
    """Which benchmarks the clean rows were not compared with: an unnoticed gap is worse than a known one."""
    record = latest_materialization(workspace.instance, CLEAN, batch)
    told = record.asset_materialization.metadata if record and record.asset_materialization else {}
    if "benchmarks_note" in told:
        yield str(told["benchmarks_note"].value)
    missing = told["benchmarks_missing"].value if "benchmarks_missing" in told else None
    if isinstance(missing, list) and missing:
        yield f"not compared with {', '.join(map(str, missing))}, which one would expect for such tasks"


def benchmarks_changed(workspace: Workspace, batch: str) -> str | None:
    """Why clean rows must be compared with benchmarks again, if they must."""
    record = latest_materialization(workspace.instance, CLEAN, batch)
    made = record.asset_materialization if record else None
    now = benchmarks_digest(benchmark_folder(workspace.settings, workspace.home))
    return "the benchmarks changed" if made and made.metadata[BASIS].value != now else None


def _release(workspace: Workspace, batches: Sequence[str], rows: int | None, say: Say) -> None:
    why = release_needed(workspace, batches, rows)
    say(f"release: {why or 'up to date'}" if why != NEVER_MADE else "release")
    if why:
        _materialize(workspace, batches, rows)


def _materialize(workspace: Workspace, batches: Sequence[str], rows: int | None) -> None:
    wanted = {"batches": list(batches), **({"rows": rows} if rows else {})}
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, RELEASE_OWNER), resumable("the same command"):
        config = {"ops": {"dataset__release": {"config": wanted}}}
        execute(workspace, "release", [RELEASE], None, whose="release", config=config)


def make_release_again(workspace: Workspace) -> None:
    """Make the release of the same batches and size, whatever has changed; smaller, if so many rows are not left.

    Raises:
        RunFailed: its gate did not pass, or nothing is left of it.
    """
    record = latest_materialization(workspace.instance, RELEASE, None)
    if record and record.asset_materialization:
        batches, rows = json.loads(str(record.asset_materialization.metadata[releasing.WANTED].value))
        try:
            _materialize(workspace, batches, rows)
        except RunFailed as end:
            if rows is None or isinstance(end, Interrupted):
                raise
            _materialize(workspace, batches, None)


def look_up(workspace: Workspace) -> Lookup:
    """Finds rows of the release by their `batch, id`.

    Raises:
        dg.Failure: there is no release, or its gate is closed.
    """
    rows = released(workspace)
    return lambda wanted: rows.join(wanted.select("batch", "id"), on=["batch", "id"], how="semi")


def release_needed(workspace: Workspace, batches: Sequence[str], rows: int | None) -> str | None:
    """Why the release must be made (again) to hold this; None if it is current."""
    if why := work_needed(workspace.instance, workspace.definitions, RELEASE, None):
        return why
    record = latest_materialization(workspace.instance, RELEASE, None)
    made = record.asset_materialization if record else None
    if made is None or made.metadata[releasing.WANTED].value != releasing.wanted(batches, rows):
        return "another selection is asked for"
    return None if _made_under_bans_of_today(workspace) else "what is banned changed"


def _made_under_bans_of_today(workspace: Workspace) -> bool:
    record = latest_materialization(workspace.instance, RELEASE, None)
    made = record.asset_materialization if record else None
    return made is not None and made.metadata[BASIS].value == releasing.basis(bans(workspace.registry))
