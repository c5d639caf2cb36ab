"""How far a batch has got: which tables need work, and whether another round should start."""

from dataclasses import dataclass

import dagster as dg

from evergrow.assets.names import SEEDS, STAGES, parents_key, stage_key
from evergrow.resources.host.dagster_private import CODE_VERSION_TAG
from evergrow.resources.lake.readable import GATES, THRESHOLDS, Verdict, judgement
from evergrow.resources.lake.versions import DIGEST, UNANSWERED, as_read, inputs, latest_materialization, looked_up, tag
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.budget import room
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings

NEVER_MADE = "it was never made"
OTHER_CODE = "its prompt, model or rules changed"


@dataclass(frozen=True, slots=True)
class Stop:
    """No further round is to start, and why."""

    why: str


def work_needed(
    instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey, partition: str | None
) -> str | None:
    """Why the table must be made (again); None if it is current.

    It is if this code made it from these inputs, every request was answered, and its gates passed by these thresholds.
    """
    node = definitions.resolve_asset_graph().get(key)
    record = latest_materialization(instance, key, partition)
    if record is None or record.asset_materialization is None:
        return NEVER_MADE
    if node.code_version and tag(record, CODE_VERSION_TAG) != node.code_version:
        return OTHER_CODE
    for parent in node.parent_keys:
        now = latest_materialization(instance, parent, partition) if partition is not None else None
        if now and inputs(record).get(parent) != as_read(now):
            return changed(parent)
    for read in looked_up(record):
        if not read.holds(instance):
            return f"{read.key.to_user_string()} of {read.partition!r} changed"
    metadata = record.asset_materialization.metadata
    if UNANSWERED in metadata and metadata[UNANSWERED].value:
        return f"{metadata[UNANSWERED].value} requests failed"
    return gate_needed(instance, definitions, key, partition, record)


def changed(parent: dg.AssetKey) -> str:
    """Why a table must be made again that was made from another content of `parent`."""
    return f"{parent.to_user_string()} changed"


def gate_needed(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    key: dg.AssetKey,
    partition: str | None,
    version: dg.EventLogRecord,
) -> str | None:
    """Why the gates of a version must judge it (again); None if all passed it by the thresholds of today."""
    graph = definitions.resolve_asset_graph()
    checks = [dg.AssetCheckKey(key, name) for name in graph.get(key).metadata.get(GATES, ())]
    wanted = [graph.get(check).metadata.get(THRESHOLDS) for check in checks]
    found = [judgement(instance, check, partition, version) for check in checks]
    if shut := next((gate.verdict for gate in found if gate.verdict is not Verdict.PASSED), None):
        return f"its gate is {shut}"
    return "the thresholds of its gate changed" if [gate.thresholds for gate in found] != wanted else None


def seeds_needed(instance: dg.DagsterInstance, registry: Registry, batch: str) -> str | None:
    """Why the seeds of a registered batch must be loaded; None if what is registered is what was loaded.

    Raises:
        UnknownBatch: nothing is registered under the name.
    """
    record = latest_materialization(instance, SEEDS, batch)
    if record is None or record.asset_materialization is None:
        return NEVER_MADE
    loaded = record.asset_materialization.metadata.get(DIGEST)
    return None if loaded and loaded.value == staged(registry, batch).digest else "other seeds were registered"


def next_round_no(instance: dg.DagsterInstance, batch: str, rounds: int) -> int:
    """The first round that is not there, or not made from what its inputs hold now; `rounds + 1` if there is none."""
    return next((n for n in range(1, rounds + 1) if not _current(instance, batch, n)), rounds + 1)


def _current(instance: dg.DagsterInstance, batch: str, round_no: int) -> bool:
    """Whether a round is done: every stage of it made from the present content of the tables that it read."""
    made: dict[dg.AssetKey, dg.EventLogRecord] = {}
    for key in (parents_key(round_no), *(stage_key(round_no, stage) for stage in STAGES)):
        record = latest_materialization(instance, key, batch)
        if record is None:
            return False
        read = inputs(record)
        if any(read.get(parent, as_read(now)) != as_read(now) for parent, now in made.items()):
            return False
        made[key] = record
    return True


def stop_before(ledger: Ledger, settings: Settings, batch: str, round_no: int) -> Stop | None:
    """Whether `round_no` of the batch must not start: last round done, or budget spent.

    A target of rows ends nothing: the best rows are those of late rounds, and `collected` takes the best of all.
    """
    if round_no > settings.evolution.rounds:
        return Stop(f"its last round, {settings.evolution.rounds} (evolution.rounds), is done")
    full = room(settings, ledger, batch)
    return Stop(full) if full else None
