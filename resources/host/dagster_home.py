"""Dagster's own folder inside the home: a configuration to start with, and storage that exists before it is shared."""

from pathlib import Path

from evergrow.resources.host.files import atomic_write

READY = ".ready"
CONFIGURATION = b"""\
# Dagster's settings for this home. Written once by evergrow and never again: change it as you like.
# Runs, events and schedules are kept in SQLite files in this folder. More than one machine: name PostgreSQL under
# `storage`, and an engine under `run_launcher`.
telemetry: {enabled: false}
nux: {enabled: false}
concurrency:
  runs: {max_concurrent_runs: 4}   # each run is a process with its own embedding model
run_monitoring:                    # ends runs that never start, and cancellations that nobody answers
  enabled: true
  start_timeout_seconds: 300
  cancel_timeout_seconds: 180
run_retries: {enabled: false}      # an interrupted run is resumed by the next one, which pays nothing twice
sensors: {use_threads: true, num_workers: 1}   # two that look at once would both load the seeds of a new batch
schedules: {use_threads: true, num_workers: 1}
backfills: {use_threads: true, num_workers: 2}
retention:
  sensor:
    purge_after_days: {skipped: 3, failure: 60, success: 60, started: 7}
"""


class DagsterHomeError(Exception):
    """Dagster cannot use its folder; the message names it, the reason and the remedy."""


def prepare(folder: Path) -> None:
    """Write `dagster.yaml` if there is none, and let Dagster create its storage, once; the caller holds a lock.

    Processes that create the SQLite files at the same moment crash each other.

    Raises:
        OSError: the folder cannot be written.
        DagsterHomeError: Dagster refuses the configuration, or cannot create its storage.
    """
    if (folder / READY).exists():
        return
    if not (folder / "dagster.yaml").exists():
        atomic_write(folder / "dagster.yaml", CONFIGURATION)
    _touch_storage(folder)
    atomic_write(folder / READY, b"")


def _touch_storage(folder: Path) -> None:
    import dagster as dg  # noqa: PLC0415 - a second of start-up that only the first use of a home should pay
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            instance.get_runs_count()
            instance.get_asset_keys(limit=1)
            instance.all_instigator_state()
            instance.get_dynamic_partitions("batch")
    except (dg.DagsterError, SQLAlchemyError) as error:
        raise DagsterHomeError(
            f"Dagster cannot use {folder}: {error}; "
            f"correct {folder / 'dagster.yaml'}, or delete it to get evergrow's own"
        ) from error
