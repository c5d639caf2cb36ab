"""What evergrow takes from Dagster's private modules, in one place: a new version of Dagster is checked against this.

Each name has a test in tests/resources/host/test_dagster_private.py that says what breaks without it.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

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

from evergrow.resources.host.kept_engines import create_engine

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
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
    "keep_engines",
    "keep_interrupts_from_mirrors",
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


@cache
def keep_engines() -> None:
    """Have Dagster's SQLite storage keep its engines and its migrations, for as long as this process lasts.

    It makes an engine for each connection (see `kept_engines`), and loads its fifty migrations twice for each run. That
    is two fifths of the CPU time of a small run.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - only to run
    from dagster._core.storage.event_log.sqlite import sqlite_event_log  # noqa: PLC0415
    from dagster._core.storage.runs.sqlite import sqlite_run_storage  # noqa: PLC0415
    from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage  # noqa: PLC0415

    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        module.create_engine = create_engine  # type: ignore[attr-defined]
    load, kept = ScriptDirectory.from_config, dict[str, "ScriptDirectory"]()

    def from_config(config: "Config") -> "ScriptDirectory":
        place = config.get_main_option("script_location") or ""
        if not place.startswith("dagster:"):
            return load(config)
        if place not in kept:
            kept[place] = load(config)
        return kept[place]

    ScriptDirectory.from_config = staticmethod(from_config)  # type: ignore[method-assign]


@cache
def keep_interrupts_from_mirrors() -> None:
    """Have the processes that show what a run prints not be told of Ctrl-C, for as long as this process lasts.

    A terminal interrupts all that a command has started. Dagster ends these two itself, and one of them would answer
    with a traceback.
    """
    from dagster._core.execution import compute_logs  # noqa: PLC0415 - only to run

    begun = compute_logs.execute_posix_tail

    @contextmanager
    def mirrored(path: str, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - as Dagster has it
        with ExitStack() as stack:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is begun meanwhile inherits it
            try:
                pids = stack.enter_context(begun(path, stream))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield pids

    compute_logs.execute_posix_tail = mirrored
