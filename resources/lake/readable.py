"""The gate: what a quality check says of a version of a table, and the refusals of a read.

`blocking=True` on a check stops the same run only; a backfill, a sensor, the UI or the command line can start another
(dagster-facts.md, section 1). So every reader asks a `Guard` first, wherever the read comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import dagster as dg

from evergrow.resources.host.event_log import EventLog, Noted

GATES = "quality_gate"  # asset metadata: names of the checks that must have passed
EXPECTATIONS = "expectations"  # metadata of what a check says: each expectation with its figure and bounds
THRESHOLDS = "thresholds"  # metadata of what a check says: the thresholds that it judged by


class GateState(StrEnum):
    """What a check says of the latest materialization of a partition."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    STALE = "STALE"  # an older materialization was checked
    MISSING = "MISSING"  # never checked


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check says of a version of a partition, in its own words, and the thresholds that it judged by.

    `expectations`: what it found of each, as the check keeps them.
    """

    state: GateState
    why: str | None = None
    thresholds: str | None = None
    expectations: Sequence[Mapping[str, Any]] = ()

    @property
    def warns(self) -> bool:
        """Whether it is open, and has found something all the same."""
        return self.state is GateState.PASSED and any(not found["met"] for found in self.expectations)

    def __str__(self) -> str:
        told = f"{self.state}, with a warning" if self.warns else f"{self.state}"
        return f"{told}: {self.why}" if self.why else told


class Guard(Protocol):
    """Knows which versions may be read."""

    def require_readable(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, version: dg.EventLogRecord
    ) -> None:
        """Do nothing if `version`, the very event whose file is about to be read, may be read.

        Raises:
            GateClosed: a gate of it, or of a table that it stems from, is not passed.
            Outdated: it, or a table that it stems from, must be made again.
        """
        ...

    def command(self, key: dg.AssetKey, partition: str | None) -> str | None:
        """What a person types to have a partition made; None where no command makes it."""
        ...


class GateClosed(dg.Failure):
    """A partition was read whose gate is not PASSED; the message names the check, the partition and the remedy."""

    def __init__(self, check: dg.AssetCheckKey, partition: str | None, state: GateState, why: str | None) -> None:
        remedy = {
            GateState.PASSED: f"{why}",
            GateState.FAILED: f"it failed: {why}",
            GateState.STALE: "it judged an older version; run the check again",
            GateState.MISSING: "it never ran; run the check",
        }[state]
        super().__init__(
            f"quality gate {check.to_user_string()} is {state} for partition {partition!r}: {remedy}",
            metadata={"check": check.to_user_string(), "partition": str(partition), "state": str(state)},
            allow_retries=False,
        )


class Outdated(dg.Failure):
    """A table was read that must be made again first; the message says why, and which command does it."""

    def __init__(self, key: dg.AssetKey, partition: str | None, why: str, command: str) -> None:
        super().__init__(
            f"table {key.to_user_string()} is outdated for partition {partition!r}: {why}; make it again "
            f"(`{command}` does what is needed)",
            allow_retries=False,
        )


def judgement(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, partition: str | None, version: dg.EventLogRecord
) -> Judgement:
    """What the check says of `version`, a materialization of the partition.

    A run that was killed, or that failed before there was anything to judge, has planned a check and no more: it takes
    nothing back.
    """
    found = EventLog.now(instance).verdict(check.asset_key.path, check.name, partition)
    if found is None:
        return Judgement(GateState.MISSING)
    if found.version != version.storage_id:
        return Judgement(GateState.STALE, found.description)
    by = found.metadata.get(THRESHOLDS)
    return Judgement(
        GateState.FAILED if found.blocks else GateState.PASSED,
        found.description,
        str(by.value) if by else None,
        _expectations(found.metadata.get(EXPECTATIONS)),
    )


def _expectations(told: Noted | None) -> Sequence[Mapping[str, Any]]:
    """The rows of a table among a check's metadata."""
    return [record["data"] for record in told.value] if told else ()
