"""Makes Dagster's event log smaller: what runs that succeeded told of their inner steps, and their log lines, go.

What tables, gates and people go by stays: the run, its start and end, those of its steps, every materialization,
observation and check. Of a run that did not succeed everything stays.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
import sqlalchemy as sa

from evergrow.resources.host.dagster_private import sql_event_logs

KIND = dg.DagsterEventType
INNER = (
    *(KIND.STEP_INPUT, KIND.STEP_OUTPUT, KIND.LOADED_INPUT, KIND.HANDLED_OUTPUT, KIND.ENGINE_EVENT),
    *(KIND.LOGS_CAPTURED, KIND.RESOURCE_INIT_STARTED, KIND.RESOURCE_INIT_SUCCESS),
    *(KIND.STEP_WORKER_STARTING, KIND.STEP_WORKER_STARTED),
)
RUNS = 200  # that are looked at at once


def prune(instance: dg.DagsterInstance, since: float, until: float) -> tuple[int, int, float]:
    """Prune runs that succeeded between two moments, epoch s, as far as one look goes: the oldest 200 of them.

    Returns how many runs, how many of their events went, and the moment up to which all are pruned.

    Raises:
        TypeError: the event log is no SQL database.
    """
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=_utc(since), updated_before=_utc(until)
    )
    records = instance.get_run_records(wanted, limit=RUNS, order_by="update_timestamp", ascending=True)
    gone = _delete(instance.event_log_storage, [record.dagster_run.run_id for record in records])
    upto = records[-1].update_timestamp.timestamp() if len(records) == RUNS else until
    return len(records), gone, upto


def _delete(storage: object, runs: Sequence[str]) -> int:
    sql, sqlite, table = sql_event_logs()
    if not isinstance(storage, sql):
        raise TypeError(f"{type(storage).__name__} is no SQL database, whose events could be pruned")
    if not isinstance(storage, sqlite):
        with storage.index_connection() as connection:
            return _delete_inner(connection, table, runs)
    gone = 0
    for run in runs:  # a file each; the index beside them holds what tables and gates go by
        with storage.run_connection(run) as connection:
            gone += _delete_inner(connection, table, [run])
        engine = sa.create_engine(storage.conn_string_for_shard(run), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text("VACUUM"))
        engine.dispose()
    return gone


def _delete_inner(connection: sa.Connection, table: sa.Table, runs: Sequence[str]) -> int:
    told = table.c
    inner = told.dagster_event_type.is_(None) | told.dagster_event_type.in_([kind.value for kind in INNER])
    found = connection.execute(table.delete().where(told.run_id.in_(runs) & inner))
    return int(found.rowcount)


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, tz=UTC)
