"""The gate: whether a partition's quality checks allow it to be read, wherever the read comes from.

`blocking=True` on a check stops the same run only; a backfill, a sensor, the UI or the command line can start another
(dagster-facts.md, section 1). So every reader asks here first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg

from evergrow.resources.host.dagster_private import PartitionKeyFilter
from evergrow.resources.lake.versions import inputs, latest_materialization, looked_up, sources, unchanged

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


class Outdated(dg.Failure):
    """A table was read that was made from something else than what is there now; the message names both."""

    def __init__(self, key: dg.AssetKey, parent: dg.AssetKey, partition: str | None) -> None:
        command = "release" if key.path[0] == "dataset" else "run"
        super().__init__(
            f"table {key.to_user_string()} is outdated for partition {partition!r}: {parent.to_user_string()}, which "
            f"it was made from, has changed since; make it again (`evergrow {command}` does what is needed)",
            allow_retries=False,
        )


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


def require_sound(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    gates: Iterable[str],
    partition: str | None,
    version: dg.EventLogRecord,
) -> None:
    """Do nothing if `version`, the very event whose file is about to be read, may be read.

    Its gates are open; the tables that it was made from hold today what they held then; and the same is true of each of
    them. Else rows could carry scores of other texts, or stem from a table whose gate has closed since.

    Raises:
        GateClosed: a gate of it, or of a table that it stems from, is not passed.
        Outdated: a table that it stems from has changed.
    """
    _require_sound(instance, key, gates, partition, version, sound=set())


def _require_sound(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    gates: Iterable[str],
    partition: str | None,
    version: dg.EventLogRecord,
    *,
    sound: set[tuple[dg.AssetKey, str | None]],
) -> None:
    for name in dict.fromkeys([*gates, *_noted_gates(version)]):
        check = dg.AssetCheckKey(key, name)
        found = judgement(instance, check, partition, version)
        if found.verdict is not Verdict.PASSED:
            raise GateClosed(check, partition, found.verdict, found.why)
    for parent, content in inputs(version).items():
        read = sources(instance, parent, partition)
        if (parent, partition) in sound or not read:
            continue
        if not unchanged(read, content):
            raise Outdated(key, parent, partition)
        for place, now in read:
            _require_sound(instance, parent, (), place, now, sound=sound)
    for looked in looked_up(version):
        there = latest_materialization(instance, looked.key, looked.partition)
        if there is None or not looked.holds(instance):
            raise Outdated(key, looked.key, looked.partition)
        if (looked.key, looked.partition) not in sound:
            _require_sound(instance, looked.key, (), looked.partition, there, sound=sound)
    sound.add((key, partition))


def _noted_gates(version: dg.EventLogRecord) -> list[str]:
    """The gates that the asset had when this version was made."""
    noted = version.asset_materialization.metadata.get(GATES) if version.asset_materialization else None
    return str(noted.value).split() if noted and noted.value else []
