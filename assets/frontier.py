"""How far a batch has got: which tables need work, and whether another round should start."""

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    get_input_event_pointer_tag,
)

from evergrow.assets.keys import parents_key, stage_key
from evergrow.resources.gate import GATES, Verdict, latest_materialization, verdict
from evergrow.resources.ledger import Ledger
from evergrow.resources.settings import Settings

UNANSWERED = "unanswered"  # metadata: rows whose request failed for a reason that may pass


@dataclass(frozen=True, slots=True)
class Stop:
    """No further round is to start, and why."""

    why: str


def work_needed(
    instance: dg.DagsterInstance, definitions: dg.Definitions, key: dg.AssetKey, partition: str
) -> str | None:
    """Why the table must be made (again); None if it is current: this code made it from these inputs, gates passed."""
    node = definitions.resolve_asset_graph().get(key)
    record = latest_materialization(instance, key, partition)
    if record is None or record.asset_materialization is None:
        return "it was never made"
    if node.code_version and _tag(record, CODE_VERSION_TAG) != node.code_version:
        return "its prompt, model or rules changed"
    for parent in node.parent_keys:
        if _changed(instance, parent, partition, record):
            return f"{parent.to_user_string()} changed"
    metadata = record.asset_materialization.metadata
    if UNANSWERED in metadata and metadata[UNANSWERED].value:
        return f"{metadata[UNANSWERED].value} requests failed"
    for name in node.metadata.get(GATES, ()):
        found, _ = verdict(instance, dg.AssetCheckKey(key, name), partition, record)
        if found is not Verdict.PASSED:
            return f"its gate is {found}"
    return None


def next_round_no(instance: dg.DagsterInstance, batch: str, rounds: int) -> int:
    """The first round that was not accepted yet, or whose parents have changed since; `rounds + 1` if there is none."""
    for round_no in range(1, rounds + 1):
        parents = latest_materialization(instance, parents_key(round_no), batch)
        children = latest_materialization(instance, stage_key(round_no, "instructions"), batch)
        accepted = latest_materialization(instance, stage_key(round_no, "accepted"), batch)
        if not (parents and children and accepted):
            return round_no
        if _changed(instance, parents_key(round_no), batch, children):
            return round_no
    return rounds + 1


def _changed(instance: dg.DagsterInstance, parent: dg.AssetKey, partition: str, reader: dg.EventLogRecord) -> bool:
    """Whether the parent's content is another than what `reader` was made from; made again alike, it is not."""
    now = latest_materialization(instance, parent, partition)
    seen = _tag(reader, get_input_event_pointer_tag(parent))
    if now is None or str(now.storage_id) == seen:
        return False
    if seen is None or not seen.isdigit():
        return True
    wanted = dg.AssetRecordsFilter(asset_key=parent, asset_partitions=[partition], storage_ids=[int(seen)])
    records = instance.fetch_materializations(wanted, limit=1).records
    return not records or _tag(records[0], DATA_VERSION_TAG) != _tag(now, DATA_VERSION_TAG)


def _tag(record: dg.EventLogRecord, name: str) -> str | None:
    made = record.asset_materialization
    return (made.tags or {}).get(name) if made else None


def accepted_rows(instance: dg.DagsterInstance, batch: str, rounds: int) -> int:
    """Children accepted so far, over the first `rounds` rounds."""
    records = [latest_materialization(instance, stage_key(n, "accepted"), batch) for n in range(1, rounds + 1)]
    made = [record.asset_materialization for record in records if record and record.asset_materialization]
    return sum(int(str(m.metadata["dagster/partition_row_count"].value)) for m in made)


def stop_before(
    instance: dg.DagsterInstance, ledger: Ledger, settings: Settings, batch: str, round_no: int
) -> Stop | None:
    """Whether `round_no` of the batch must not start: last round done, enough rows, or budget spent."""
    if round_no > settings.evolution.rounds:
        return Stop(f"its last round, {settings.evolution.rounds} (evolution.rounds), is done")
    rows, target = accepted_rows(instance, batch, round_no - 1), settings.evolution.target_rows
    if rows >= target:
        return Stop(f"{rows:,} rows are accepted, the target is {target:,} (evolution.target_rows)")
    spent, budget = ledger.spent(batch), settings.budget
    if budget.max_tokens and spent.tokens >= budget.max_tokens:
        return Stop(f"{spent.tokens:,} tokens are spent of {budget.max_tokens:,} (budget.max_tokens)")
    if budget.max_usd and spent.usd >= budget.max_usd:
        return Stop(f"${spent.usd:.2f} is spent of ${budget.max_usd:.2f} (budget.max_usd)")
    return None
