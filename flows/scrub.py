"""Walks every current file of the lake, says which are damaged, and makes again what the ledger's replies allow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import dagster as dg

from evergrow.assets.names import PAGE
from evergrow.flows.due import DAMAGED
from evergrow.flows.run import RunFailed, Say, execute
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.versions import LAKE_PATH, latest_materialization, noted
from evergrow.resources.registry.batches import staged_batches
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import lease_name
from evergrow.resources.registry.trees import tree_files

NOTHING_TO_SPEND = {"max_tokens": 1}  # of a budget: a request that the ledger has no reply for is not sent


@dataclass(frozen=True, slots=True)
class DamagedTable:
    """The current file of a table that is gone, or is not what was written; `what` says which.

    `named`: it is not the table's own, but one that its rows name, such as a page.
    """

    key: dg.AssetKey
    partition: str | None
    file: str
    what: str
    named: bool = False

    def __str__(self) -> str:
        of = f" of {self.partition!r}" if self.partition else ""
        return f"{self.key.to_user_string()}{of}: {self.file} {self.what}"


@dataclass(frozen=True, slots=True)
class DamagedInput:
    """A registered file that is gone, or is not what was registered; `remedy` is what its user can do."""

    name: str
    file: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.file} {self.what}; {self.remedy}"


def damaged_tables(workspace: Workspace) -> Iterator[DamagedTable]:
    """The tables whose current file is damaged, those before whom nothing is made first."""
    for key in workspace.frontier.tables:
        for partition in sorted(workspace.instance.get_materialized_partitions(key)):
            file = noted(latest_materialization(workspace.instance, key, partition), LAKE_PATH)
            if file and (what := workspace.lake.damage(str(file))):
                yield DamagedTable(key, partition, str(file), what)
            elif key == PAGE:
                yield from _damaged_page(workspace, partition)


def _damaged_page(workspace: Workspace, of: str) -> list[DamagedTable]:
    """The files of an explorer's page that are damaged: the table of pages is whole, and names them."""
    table = workspace.lake.ungated(workspace.instance, PAGE, of)
    files = () if table is None else table.select("page", "data").collect().row(0)
    return [DamagedTable(PAGE, of, file, what, named=True) for file in files if (what := workspace.lake.damage(file))]


def damaged_inputs(workspace: Workspace) -> Iterator[DamagedInput]:
    """What users registered whose file is damaged: seeds, imported trees, datasets. Only they can mend it."""
    for batch in staged_batches(workspace.registry):
        if what := workspace.lake.damage(batch.file):
            remedy = f"register its seeds again, from {batch.origin or 'where they came from'}"
            yield DamagedInput(f"batch {batch.batch!r}", batch.file, what, remedy)
    for tree, file in tree_files(workspace.registry):
        if what := workspace.lake.damage(file):
            yield DamagedInput(f"tree {tree!r}", file, what, "import it, or name its dataset, again")


def heal(workspace: Workspace, damaged: DamagedTable, say: Say) -> bool:
    """Make a table again from what the ledger holds; False where that would cost something, or fails, which is said.

    Raises:
        BatchBusy: somebody works on its batch or tree.
    """
    name, page = damaged.key.to_user_string(), partial(_damaged_page, of=str(damaged.partition))
    if damaged.named and not page(workspace):  # made again with the other file of it
        return True
    standing = workspace.frontier.standing(workspace.instance, damaged.key, damaged.partition)
    lost = standing.due is not None and standing.due.why.startswith(DAMAGED)
    if not (lost or damaged.named):
        say(f"{name}: not made again: {standing.due}")
        return False
    budget = workspace.settings.budget.model_copy(update=NOTHING_TO_SPEND)
    poor = workspace.settings.model_copy(update={"budget": budget})
    free = replace(workspace, settings=poor, frontier=workspace.frontier.under(poor))
    place = standing.place
    whose = lease_name(standing.table.kind, place.owner)
    close_dead_runs(workspace.instance, workspace.registry)
    try:
        with lease(workspace.registry, whose):
            waiting = execute(free, standing.table.job, [damaged.key], damaged.partition, whose=place.owner)
    except RunFailed as error:
        waiting = str(error)
    left = bool(page(workspace)) if damaged.named else workspace.lake.damage(damaged.file)
    if left:
        say(f"{damaged.key.to_user_string()}: not made again: {waiting or 'it holds other rows now'}")
    return not left
