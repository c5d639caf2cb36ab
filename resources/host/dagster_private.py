"""What evergrow takes from Dagster's private modules, in one place: a new version of Dagster is checked against this.

Each name has a test in tests/resources/host/test_dagster_private.py that says what breaks without it.
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import CODE_VERSION_TAG, DATA_VERSION_TAG
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import EngineEventData, JobFailureData, RunFailureReason
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG
from dagster_shared.error import SerializableErrorInfo

__all__ = [
    "CODE_VERSION_TAG",
    "DATA_VERSION_TAG",
    "PARTITION_NAME_TAG",
    "RUN_KEY_TAG",
    "AssetCheckEvaluation",
    "AssetCheckEvaluationTargetMaterializationData",
    "EngineEventData",
    "JobFailureData",
    "RunFailureReason",
    "SerializableErrorInfo",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "StepFailureData",
    "UnresolvedAssetJobDefinition",
    "UserFailureData",
]
