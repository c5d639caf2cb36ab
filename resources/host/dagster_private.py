"""What evergrow takes from Dagster's private modules, in one place: a new version of Dagster is checked against this.

Each name has a test in tests/resources/host/test_dagster_private.py that says what breaks without it.
"""

from typing import TYPE_CHECKING

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import CODE_VERSION_TAG, DATA_VERSION_TAG
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import EngineEventData, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster._core.storage.tags import MAX_RETRIES_TAG, PARTITION_NAME_TAG, RETRY_NUMBER_TAG, RUN_KEY_TAG
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import Table

if TYPE_CHECKING:
    from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage

__all__ = [
    "CODE_VERSION_TAG",
    "DATA_VERSION_TAG",
    "MAX_RETRIES_TAG",
    "PARTITION_NAME_TAG",
    "RETRY_NUMBER_TAG",
    "RUN_KEY_TAG",
    "AssetCheckEvaluation",
    "AssetCheckEvaluationTargetMaterializationData",
    "EngineEventData",
    "JobFailureData",
    "RunFailureReason",
    "SerializableErrorInfo",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
    "UserFailureData",
    "sql_event_logs",
]


def sql_event_logs() -> tuple[type["SqlEventLogStorage"], type["SqliteEventLogStorage"], Table]:
    """The event logs that are SQL databases, the one of them that has a file for each run, and the table of events."""
    # Here, as no reading command needs them: they take a fifth of a second of CPU.
    from dagster._core.storage.event_log import (  # noqa: PLC0415
        SqlEventLogStorage,
        SqlEventLogStorageTable,
        SqliteEventLogStorage,
    )

    return SqlEventLogStorage, SqliteEventLogStorage, SqlEventLogStorageTable
