"""The gate: whether a partition's quality checks allow it to be read, wherever the read comes from.

`blocking=True` on a check stops the same run only; a backfill, a sensor, the UI or the command line can start another
(dagster-facts.md, section 1). So every reader asks here first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg

# Private, and the only way to read a partition's verdict in Dagster 1.13; tests hold that it works.
from dagster._core.event_api import PartitionKeyFilter

GATES = "quality_gate"  # asset metadata: names of the checks that must have passed
THRESHOLDS = "thresholds"  # metadata of a check, and of what it says: the thresholds that it judges by


class Verdict(StrEnum):
    """What a check says of the latest materialization of a partition."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    STALE = "STALE"  # an older materialization was checked
    MISSING = "MISSING"  # never checked


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check says of a version of a partition, in its own words, and the thresholds that it judged by."""

    verdict: Verdict
    why: str | None = None
    thresholds: str | None = None


class GateClosed(dg.Failure):
    """A partition was read whose gate is not PASSED; the message names the check, the partition and the remedy."""

    def __init__(self, check: dg.AssetCheckKey, partition: str | None, verdict: Verdict, why: str | None) -> None:
        remedy = {
            Verdict.FAILED: f"it failed: {why}",
            Verdict.STALE: "it judged an older version; run the check again",
            Verdict.MISSING: "it never ran; run the check",
        }[verdict]
        super().__init__(
            f"quality gate {check.to_user_string()} is {verdict} for partition {partition!r}: {remedy}",
            metadata={"check": check.to_user_string(), "partition": str(partition), "verdict": str(verdict)},
            allow_retries=False,
        )


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> dg.EventLogRecord | None:
    """The event of the current version of a partition; None if it was never materialized."""
    of_partition = [partition] if partition is not None else None
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=of_partition)
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None


def judgement(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str | None, version: dg.EventLogRecord
) -> Judgement:
    """What the check says of `version`, a materialization of the partition."""
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [check], partition_filter=PartitionKeyFilter(key=partition)
    ).get(check)
    evaluation = record.evaluation if record else None
    if not isinstance(evaluation, dg.AssetCheckEvaluation):  # a run that was killed has planned it, no more
        return Judgement(Verdict.MISSING)
    judged = evaluation.target_materialization_data
    if judged is None or judged.storage_id != version.storage_id:
        return Judgement(Verdict.STALE, evaluation.description)
    blocks = not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    by = evaluation.metadata.get(THRESHOLDS)
    return Judgement(
        Verdict.FAILED if blocks else Verdict.PASSED, evaluation.description, str(by.value) if by else None
    )


def require_gates(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    gates: Iterable[str],
    partition: str | None,
    version: dg.EventLogRecord,
) -> None:
    """Do nothing if every gate is open for `version`: the very event whose file is about to be read.

    Raises:
        GateClosed: one of them is not.
    """
    for name in gates:
        check = dg.AssetCheckKey(key, name)
        found = judgement(instance, check, partition, version)
        if found.verdict is not Verdict.PASSED:
            raise GateClosed(check, partition, found.verdict, found.why)
