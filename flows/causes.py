"""Why a run failed, out of what Dagster noted of it: in the words of what failed, and of which kind it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg

from evergrow.resources.host.dagster_private import (
    AssetCheckEvaluation,
    EngineEventData,
    SerializableErrorInfo,
    StepFailureData,
    UserFailureData,
)
from evergrow.resources.lake.readable import GateClosed
from evergrow.resources.llm import BudgetReached

NOTED = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ENGINE_EVENT,
    dg.DagsterEventType.PIPELINE_FAILURE,
}


class CauseKind(StrEnum):
    """What kind of cause it is."""

    GATE = "closed_gate"
    BUDGET = "reached_budget"
    OTHER = "failed_run"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run failed."""

    kind: CauseKind
    words: str


def cause_of(instance: dg.DagsterInstance, run_id: str) -> Cause:
    """Why a run that is over failed."""
    records = instance.all_logs(run_id, of_type=NOTED)
    return cause([record.dagster_event for record in records if record.dagster_event])


def cause(events: Iterable[dg.DagsterEvent]) -> Cause:
    """The cause of the first failure among the events of a run."""
    listed = list(events)
    for event in listed:
        match event.event_specific_data:
            case AssetCheckEvaluation(passed=False, severity=dg.AssetCheckSeverity.ERROR) as check:
                words = f"quality gate {check.asset_check_key.to_user_string()}: {check.description}"
                return Cause(CauseKind.GATE, words)
            case StepFailureData(user_failure_data=UserFailureData(description=str(words)), error=error):
                return Cause(_kind(error), words)
            case StepFailureData(error=SerializableErrorInfo() as error):
                return Cause(_kind(error), _own_words(error))
            case EngineEventData(error=SerializableErrorInfo() as error):
                return Cause(_kind(error), _own_words(error))
    words = next((str(event.message) for event in listed if event.is_failure), "no reason was recorded")
    return Cause(CauseKind.OTHER, words)


def _own_words(error: SerializableErrorInfo) -> str:
    """The error below Dagster's own, which only say where it happened."""
    while error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return error.message.partition(": ")[2].strip() or error.message.strip()


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """An error, and what it came of."""
    while error:
        yield error
        error = error.cause


def _kind(error: SerializableErrorInfo | None) -> CauseKind:
    names = {one.cls_name for one in _chain(error)}
    if GateClosed.__name__ in names:
        return CauseKind.GATE
    return CauseKind.BUDGET if BudgetReached.__name__ in names else CauseKind.OTHER
