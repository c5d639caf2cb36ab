"""What there is and where it stands: each batch, tree and release, what is due, what it waits for, who holds it.

What is due is asked of `flows.due` alone, in the order of `flows.automation`. Looking costs nothing and changes
nothing: not even a run that a killed process has left is closed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evergrow.assets.names import RESPONSES, SEEDS
from evergrow.flows.automation import FAULTS, first_steps, no_room
from evergrow.flows.due import DAMAGED, Standing, What
from evergrow.flows.release import dataset_steps, release_step
from evergrow.flows.remedies import asked_next, remedy_of
from evergrow.flows.step import Step, closed
from evergrow.flows.workspace import Workspace
from evergrow.resources.host.event_log import EventLog, Run
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.ledger import Ledger, OwnerKind, State, Submission
from evergrow.resources.ledger.records import OwnerCost
from evergrow.resources.ledger.submission_records import AT_ENDPOINT
from evergrow.resources.llm.batch_api import told
from evergrow.resources.registry.batches import StagedBatch, staged_batches
from evergrow.resources.registry.leases import LeaseHolder, holders
from evergrow.resources.registry.owner_names import owner
from evergrow.resources.registry.owners import lease_name, owner_at_work
from evergrow.resources.registry.recipes import Kind, latest_recipes
from evergrow.resources.registry.releases import ReleaseRequest, wishes
from evergrow.resources.registry.trees import registered_trees
from evergrow.resources.settings.recipe import AUTOMATE

COUNTS = ("dagster/partition_row_count", "dagster/row_count")


@dataclass(frozen=True, slots=True)
class TableStatus:
    """How one table of an owner stands; `due` is what is to be done with it, in words, `gate` what its gate says."""

    table: str
    partition: str | None
    rows: int | None
    made_at: float | None
    due: str | None
    gate: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How a batch, tree or release stands.

    Attributes:
        kind, name: which.
        stage: the last step of its way that is made; `registered` if none is.
        rows: of that step's table, all shards together; the registered seeds before.
        due: what is to be done next, and why; None if nothing is.
        command: what does it.
        further: what may be asked for where nothing is due: a dataset of what is there.
        waits: what it waits for: a Batch API, a closed gate, owed requests, a budget, a fault of its own.
        automate: how far sensors take it by themselves: none, rounds, release.
        held: who works on it.
        runs: its runs that are not over, as `job status id`.
        requests, tokens, usd: what was asked and spent for it; `usd` is None if a price is unknown.
        tables: each table of its way, where they are asked for.
    """

    kind: Kind
    name: str
    stage: str
    rows: int | None
    due: str | None = None
    command: str | None = None
    waits: tuple[str, ...] = ()
    automate: str = "none"
    held: str | None = None
    runs: tuple[str, ...] = ()
    requests: int = 0
    tokens: int = 0
    usd: float | None = 0.0
    tables: tuple[TableStatus, ...] = ()
    further: str | None = None


@dataclass(frozen=True, slots=True)
class StatusInputs:
    """What is read once for all owners."""

    ledger: Ledger
    batches: Mapping[str, StagedBatch]
    automate: Mapping[tuple[str, str], str]
    handed_in: Mapping[tuple[str, str], Sequence[Submission]]
    spent: Mapping[tuple[OwnerKind, str], OwnerCost]
    holders: Mapping[str, LeaseHolder]
    wanted: Mapping[str, ReleaseRequest]
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)


def statuses(workspace: Workspace) -> list[Status]:
    """All batches, trees and releases, in this order, by name.

    The event log and the registry are read once, however many there are.
    """
    if isinstance(workspace.instance, EventLog):
        workspace.instance.read_all()
    # That each file is there is seen; what is in it, `evergrow scrub` reads.
    workspace.registry.files.unhashed = True
    try:
        with workspace.ledger() as ledger:
            known = _known(workspace, ledger)
            return [_status(workspace, known, kind, name) for kind, name in _owners(workspace, known)]
    finally:
        workspace.registry.files.unhashed = False


def status(workspace: Workspace, kind: Kind, name: str) -> Status:
    """One of them with all its tables."""
    with workspace.ledger() as ledger:
        return _status(workspace, _known(workspace, ledger), kind, name, whole=True)


def _owners(workspace: Workspace, known: StatusInputs) -> Iterator[tuple[Kind, str]]:
    yield from (("batch", name) for name in known.batches)
    yield from (("tree", name) for name in registered_trees(workspace.registry))
    yield from (("release", name) for name in known.wanted)


def _known(workspace: Workspace, ledger: Ledger) -> StatusInputs:
    recipes = {(one.kind, one.name): one for one in latest_recipes(workspace.registry)}
    workspace.frontier.know(recipes)
    submissions = ledger.submissions.find((*AT_ENDPOINT, State.FETCHED))
    handed_in: dict[tuple[str, str], list[Submission]] = {}
    for one in submissions:
        handed_in.setdefault((one.kind, one.batch), []).append(one)
    return StatusInputs(
        ledger=ledger,
        batches={one.batch: one for one in staged_batches(workspace.registry)},
        automate={key: str(one.values.get(AUTOMATE) or "none") for key, one in recipes.items()},
        handed_in=handed_in,
        spent=ledger.costs.by_owner(),
        holders={name: one for name, one in holders(workspace.registry).items() if one.living},
        wanted=wishes(workspace.registry),
        runs=_runs(workspace),
    )


def _runs(workspace: Workspace) -> dict[str, list[Run]]:
    """Runs that are not over, by the name of the lease that they take."""
    found: dict[str, list[Run]] = {}
    if isinstance(workspace.instance, EventLog):
        for run in workspace.instance.unfinished():
            found.setdefault(owner_at_work(run.job, run.assets, run.partition or ""), []).append(run)
    return found


def _status(workspace: Workspace, known: StatusInputs, kind: Kind, name: str, *, whole: bool = False) -> Status:
    """How one stands; a fault of its own, as a domain that is missing, is what it waits for, and no one else's."""
    lease = lease_name(kind, name)
    holder, spent = known.holders.get(lease), known.spent.get((kind, name), OwnerCost())
    registered = known.batches.get(name)
    rows = registered.rows if registered and kind == "batch" else None
    found = _Way(stage="asked for" if kind == "release" else "registered", rows=rows)
    try:
        found.follow(workspace, kind, name, known, whole=whole)
    except FAULTS as error:
        found.waits.append(getattr(error, "description", None) or str(error))
    handed_in = [told(one) for one in known.handed_in.get((kind, name), ())]
    return Status(
        kind, name, found.stage, found.rows, found.due, found.command, (*handed_in, *found.waits),
        known.automate.get((kind, name), "none"), str(holder) if holder else None,
        tuple(f"{run.job} {run.status.lower()} {run.run_id}" for run in known.runs.get(lease, ())),
        spent.calls, spent.tokens, spent.usd, tuple(found.tables), _further(workspace, known, kind, name, found),
    )  # fmt: skip


@dataclass(slots=True)
class _Way:
    """What is found on the way of an owner."""

    stage: str
    rows: int | None
    due: str | None = None
    command: str | None = None
    waits: list[str] = field(default_factory=list)
    tables: list[TableStatus] = field(default_factory=list)

    def follow(self, workspace: Workspace, kind: Kind, name: str, known: StatusInputs, *, whole: bool) -> None:
        """Take its steps in their order: the last that is made, and the first of which something is due."""
        settled = False
        for step in _steps(workspace, kind, name, known):
            for key in step.keys:
                made = latest_materialization(workspace.instance, key, step.partition)
                rows = next((int(n) for n in (noted(made, one) for one in COUNTS) if n is not None), None)
                if made is not None:
                    stage = "/".join(key.path[1:]).removesuffix("/accepted")
                    # A tree's samples are one table in shards, each of which is a step.
                    self.rows = (self.rows or 0) + (rows or 0) if stage == self.stage else rows
                    self.stage = stage
                if settled and not whole:
                    continue
                standing = workspace.frontier.standing(workspace.instance, key, step.partition)
                if whole:
                    self.tables.append(_table(standing, rows))
                if not settled:
                    settled = self._settle(workspace, kind, name, standing, known)

    def _settle(self, workspace: Workspace, kind: Kind, name: str, standing: Standing, known: StatusInputs) -> bool:
        """Whether nothing after this table can be done before something is done about it."""
        if standing.due is None and standing.shut is None:
            return False
        key = standing.table.key
        if standing.due:
            label = key.to_user_string() if standing.due.why.startswith(DAMAGED) or kind != "release" else "release"
            self.due = f"{standing.due.what} {label}: {standing.due.why}"
            self.command = remedy_of(known.wanted, key, owner(standing.place.partition or name))
        if standing.shut:
            self.waits.append(
                f"the gate of {key.to_user_string()} is closed: {closed(workspace, kind, name, standing.shut)}"
            )
        if standing.due and standing.due.what is What.MAKE_FAILED:
            self.waits.append(f"{key.to_user_string()}: {standing.due.why}")
        spends = standing.due and standing.due.what is not What.JUDGE
        if spends and (full := no_room(known.ledger, standing)):
            self.waits.append(full)
        return True


def _further(workspace: Workspace, known: StatusInputs, kind: Kind, name: str, found: _Way) -> str | None:
    wanted = any(name in (*request.batches, *request.trees) for request in known.wanted.values())
    if kind == "release" or wanted or found.due or found.waits:
        return None
    return None if latest_materialization(workspace.instance, RESPONSES, name) else asked_next(kind, name)


def _steps(workspace: Workspace, kind: Kind, name: str, known: StatusInputs) -> Iterator[Step]:
    """The way of an owner as far as somebody has asked for it: answers are not due of a batch that nobody answered."""
    if kind == "release":
        if name in known.wanted:
            yield release_step(name)
        return
    yield from first_steps(workspace, kind, name)
    wanted = known.automate.get((kind, name)) == "release"
    if kind == "batch" and (wanted or latest_materialization(workspace.instance, RESPONSES, name)):
        yield from (step for step in dataset_steps(name) if step.keys != [SEEDS])


def _table(standing: Standing, rows: int | None) -> TableStatus:
    key, due = standing.table.key, standing.due
    version = standing.version
    said = str(standing.gate) if standing.gate else None
    return TableStatus(
        key.to_user_string(), standing.place.partition, rows if version else None,
        version.timestamp if version else None, f"{due.what}: {due.why}" if due else None, said,
    )  # fmt: skip
