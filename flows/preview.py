"""A recipe on a few seeds of a batch, through all rounds to answered rows, beside the batch and never in it.

It is done in a place of its own that goes with it: lake, registry and runs. Only the ledger is the project's: what was
asked is paid by the batch, out of its budget, and kept for it: where the batch asks the same, it pays nothing again.
That is so of the first round. Later prompts hold diversity, which is another among all seeds than among a few.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.dataset.requests import ASKED, answers_work
from evergrow.assets.dataset.samples import domains_of, samples_of, with_tasks
from evergrow.assets.names import COLLECTED, RESPONSES, SEEDS
from evergrow.assets.trust.judge import require_calibrated
from evergrow.flows.due import Frontier
from evergrow.flows.evolve import run_batch
from evergrow.flows.excerpt import Excerpt, excerpts
from evergrow.flows.frontier import frontier_of
from evergrow.flows.judged import judged
from evergrow.flows.plan import CostPlan, Step, embedding_pace, planned, rounds_of, without_vectors
from evergrow.flows.recipes import ordered
from evergrow.flows.release import dataset_steps
from evergrow.flows.run import Interrupted, RunFailed, Say
from evergrow.flows.step import bring
from evergrow.flows.workspace import Workspace
from evergrow.methods.evolution.evolution_size import round_sizes
from evergrow.methods.text.counts import counted
from evergrow.resources.host.home import Home
from evergrow.resources.lake.readable import GateState
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger
from evergrow.resources.ledger.database import database_url
from evergrow.resources.llm.forecast import PEEKED
from evergrow.resources.registry.batches import stage, staged
from evergrow.resources.registry.leases import lease
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.seeds.source import Seeds
from evergrow.resources.settings import Settings

VARIABLE = "DAGSTER_HOME"
MOST_SEEDS = 50  # of a preview
Build = Callable[[Settings, Frontier], dg.Definitions]


@dataclass(frozen=True, slots=True)
class Preview:
    """What came of it.

    Attributes:
        seeds: how many of how many were taken.
        rows: the first rows of each table that was made, for looking.
        stopped: why it did not come to answers, in words, and what helps; None if it did.
        requests, usd: what was really asked for it, and its price; None where a reply has none.
        whole: the plan of the whole batch, by what the ledger knows now.
    """

    seeds: tuple[int, int]
    rows: list[Excerpt]
    stopped: str | None
    requests: int
    usd: float | None
    whole: CostPlan


@dataclass(frozen=True, slots=True)
class PreviewOrder:
    """What is to be previewed: some seeds of a batch, under its recipe with a command's changes."""

    batch: str
    seeds: Seeds
    of: int
    settings: Settings


def order(workspace: Workspace, batch: str, seeds: int, changes: Mapping[str, Any]) -> PreviewOrder:
    """`seeds` seeds of the batch, spread evenly over it, under its recipe with `changes`.

    Raises:
        UnknownBatch: there is none.
        NotCalibrated, GateClosed: its judge must be calibrated, and is not.
    """
    registered = staged(workspace.registry, batch)
    every, settings = registered.read(), ordered(workspace, "batch", batch, changes)
    require_calibrated(workspace.instance, workspace.lake, settings)
    count = min(seeds, every.height)
    spread = every[[place * every.height // count for place in range(count)]]
    return PreviewOrder(batch, Seeds(spread, origin=registered.origin), every.height, settings)


def preview_plan(workspace: Workspace, wanted: PreviewOrder) -> CostPlan:
    """What the preview would take, if the ledger had no reply of it: its rounds, and the answers of what they give."""
    with workspace.ledger() as ledger:
        works, pace = list(_works(wanted, ledger, wanted.seeds.frame)), embedding_pace(workspace, wanted.settings)
        return planned(wanted.settings, ledger, works, wanted.batch, pace)


def preview(workspace: Workspace, wanted: PreviewOrder, build: Build, say: Say) -> Preview:
    """Do it: asks models, and pays for what the ledger does not know yet.

    Args:
        workspace: the project.
        wanted: what is to be done.
        build: makes Dagster's definitions, as a workspace's `build` does, for the settings of the preview.
        say: told what is done.

    Raises:
        BatchBusy: a run works on the batch: both would pay for the same requests.
        Interrupted: it was interrupted.
    """
    with lease(workspace.registry, wanted.batch):
        return _preview(workspace, wanted, build, say)


def _preview(workspace: Workspace, wanted: PreviewOrder, build: Build, say: Say) -> Preview:
    with workspace.ledger() as ledger:
        before = _spent(ledger, wanted.batch)
    with _place(workspace, wanted, build) as place:
        stopped = None
        try:
            run_batch(place, wanted.batch, say)
            responses = next(step for step in dataset_steps(wanted.batch) if RESPONSES in step.keys)
            bring(place, responses, wanted.batch, say)
        except Interrupted as ended:
            raise Interrupted("interrupted; every reply is kept: the same command goes on from there") from ended
        except RunFailed as failed:
            stopped = str(failed).partition("\n(run ")[0]
            if _shut(place, wanted.batch):
                stopped += _advice(wanted)
        rows = list(excerpts(place, "batch", wanted.batch, wanted.seeds.frame.height))
        every = staged(workspace.registry, wanted.batch).read()
        with workspace.ledger() as ledger:
            missing = without_vectors(workspace, wanted.settings, every["content"])
            works = list(_works(wanted, ledger, every, missing, _collected(place, wanted)))
            pace = embedding_pace(place, wanted.settings) or embedding_pace(workspace, wanted.settings)
            whole = planned(wanted.settings, ledger, works, wanted.batch, pace)
            after = _spent(ledger, wanted.batch)
    usd = None if after[1] is None or before[1] is None else after[1] - before[1]
    return Preview((wanted.seeds.frame.height, wanted.of), rows, stopped, after[0] - before[0], usd, whole)


@contextmanager
def _place(workspace: Workspace, wanted: PreviewOrder, build: Build) -> Iterator[Workspace]:
    """A workspace for the preview alone, with its seeds registered; it is gone after the context."""
    live = {
        name: wanted.settings.role(name).model_copy(update={"mode": "live"})  # nobody waits a day for a look
        for name in type(wanted.settings.roles).model_fields
    }
    judge = wanted.settings.gates.judge.model_copy(update={"required": False})  # which was seen to before
    # A catalogue would take its tables for those of the batch.
    untold = wanted.settings.observability.model_copy(update={"openlineage_url": None})
    with _folder(workspace, wanted.batch) as folder:
        home = Home(folder / "home").ensure()
        own = wanted.settings.model_copy(
            update={
                "home": home.path,
                "lake_url": None,
                "ledger_url": None,
                "roles": wanted.settings.roles.model_copy(update=live),
                "gates": wanted.settings.gates.model_copy(update={"judge": judge}),
                "observability": untold,
            }
        )
        alone = frontier_of(own)
        settings = own.model_copy(update={"ledger_url": database_url(workspace.settings)})
        frontier, outside = alone.under(settings), os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(home.dagster)
        try:
            with dg.DagsterInstance.from_config(str(home.dagster)) as instance, closing(alone.registry):
                stage(frontier.registry, wanted.batch, wanted.seeds, replace=True)
                place = Workspace(
                    settings, instance, frontier, lambda known: build(settings, known), workspace.progress
                )
                place.add_partition(wanted.batch)
                yield place
        finally:
            if outside is None:
                os.environ.pop(VARIABLE, None)
            else:
                os.environ[VARIABLE] = outside


@contextmanager
def _folder(workspace: Workspace, batch: str) -> Iterator[Path]:
    """A folder that goes with the context; what a killed preview of the batch left goes first. Its lease is held."""
    folder = workspace.settings.home / "previews" / hashlib.sha256(batch.encode()).hexdigest()[:16]
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    try:
        yield folder
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _works(
    wanted: PreviewOrder,
    ledger: Ledger,
    seeds: pl.DataFrame,
    missing: int | None = None,
    asked: pl.DataFrame | None = None,
) -> Iterator[Step]:
    """The rounds of `seeds`, and the answers of what they give.

    missing: how many seeds have no vector yet; None: all, as in a preview's own place.
    asked: the collected samples of the preview, of which as many are expected a seed; without, the largest size of the
        rounds, and the seeds' texts, stand for them.
    """
    settings = wanted.settings
    yield from rounds_of(settings, ledger, seeds.with_columns(root_id="id", domain=pl.lit("")), 1, missing)
    packages = Packages.of(settings.sandbox).modules
    if asked is None:
        rules = settings.evolution
        sizes = round_sizes(seeds.height, rules.children, rules.beam, 1, rules.rounds + 1)
        count = sum(size.parents for size in sizes[1:])
        texts = seeds.head(PEEKED).with_row_index("row").with_columns(task=pl.lit("text"))
        work = answers_work(texts, settings.answers, packages)
    else:
        work = answers_work(asked, settings.answers, packages)
        count = round(work.requests * seeds.height / wanted.seeds.frame.height)
    yield replace(work, requests=count, most=count)


def _collected(place: Workspace, wanted: PreviewOrder) -> pl.DataFrame | None:
    """The samples of the preview that are answered; None if it did not come so far."""
    if latest_materialization(place.instance, COLLECTED, wanted.batch) is None:
        return None
    scan = partial(place.lake.scan, place.instance, partition=wanted.batch, guarded=False)
    samples = samples_of(place.instance, scan(key=SEEDS).collect(), scan(key=COLLECTED).collect())
    tasks = with_tasks(place.settings, samples, domains_of(place.settings, samples))
    return tasks.filter(pl.col("task").is_in(ASKED))


def _shut(place: Workspace, batch: str) -> bool:
    """Whether a gate is closed, so that no fault ended the preview."""
    tables = [key for key, table in place.frontier.tables.items() if table.kind == "batch" and table.gate]
    made = [(key, batch) for key in tables if latest_materialization(place.instance, key, batch)]
    return GateState.FAILED in judged(place, made)["state"].to_list()


def _advice(wanted: PreviewOrder) -> str:
    """How to look further than a gate that closed on few rows."""
    taken, most = wanted.seeds.frame.height, min(MOST_SEEDS, wanted.of)
    finer = f"`--seeds {most}` has it judge more, and " if most > taken else ""
    return (
        f"; the gate judged what came of {counted(taken, 'seeds')}, of which each is a large share: {finer}"
        "`--set` with another "
        "bound looks past it, in this preview only"
    )


def _spent(ledger: Ledger, batch: str) -> tuple[int, float | None]:
    """The calls that were paid for a batch by now, and what they cost; None if the price of one is not known."""
    spent = ledger.costs.spent(batch, kind="batch")
    return spent.calls, None if spent.unpriced_calls else spent.usd
