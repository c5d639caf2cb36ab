"""The event log that reading commands read by SQL says what Dagster's own interface says, of every kind of event."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from evergrow.resources.host import dagster_home
from evergrow.resources.host.dagster_private import sql_event_logs
from evergrow.resources.host.event_log import MADE, EventLog, event_log
from evergrow.resources.lake.readable import GateState, judgement
from evergrow.resources.lake.versions import data_version, latest_materialization, made, noted

PARTS = dg.StaticPartitionsDefinition(["a", "b", "c"])
KEY = dg.AssetKey(["some", "numbers"])
METADATA: dict[str, Any] = {
    "text": "words",
    "whole": 3,
    "real": 0.5,
    "yes": True,
    "json": {"a": [1, None]},
    "list": ["x", "y"],
    "markdown": dg.MetadataValue.md("*x*"),
    "nothing": None,
}


@dg.asset(key=KEY, partitions_def=PARTS)
def numbers(context: dg.AssetExecutionContext) -> dg.Output[int]:
    return dg.Output(1, data_version=dg.DataVersion(context.run.run_id[:8]), metadata=METADATA)


@dg.asset_check(asset=numbers, partitions_def=PARTS, blocking=True)
def verdict(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if context.partition_key == "a" else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=False, severity=severity, description="in words", metadata={"thresholds": '{"least": 1}'}
    )


ANY_EVENT = {"run_id": "r", "event": "{}", "dagster_event_type": MADE, "timestamp": datetime.now(UTC), "partition": "a"}

DEFS = dg.Definitions([numbers], asset_checks=[verdict])
CHECK = dg.AssetCheckKey(KEY, "verdict")
PLACES = [(KEY, "a"), (KEY, "b"), (KEY, "c"), (dg.AssetKey("never"), "a"), (KEY, None)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME: `a` was made twice and judged, `b` once, and its newer version is not judged; `c` never."""
    path = tmp_path_factory.mktemp("dagster")
    dagster_home.prepare(path)
    job = DEFS.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(path)) as instance:
        for partition in ("a", "a", "b"):
            job.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="b", tags={"x": "y"}))
        instance.add_dynamic_partitions("batch", ["second", "first"])
        instance.create_run_for_job(job, tags={"dagster/partition": "a"})
    return path


@pytest.fixture
def instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


@pytest.fixture(params=["asked one by one", "read at once", "over the instance's connections"])
def log(folder: Path, instance: dg.DagsterInstance, request: pytest.FixtureRequest) -> Iterator[EventLog]:
    if request.param == "over the instance's connections":  # as where Dagster keeps its events in PostgreSQL
        yield EventLog(instance.event_log_storage.index_connection, instance.run_storage.connect, lambda: instance)  # type: ignore[attr-defined]
        return
    with event_log(folder) as log:
        if request.param == "read at once":
            log.read_all()
        yield log


@pytest.mark.parametrize(("key", "partition"), PLACES)
def test_a_version_is_the_one_that_dagster_names(
    log: dg.DagsterInstance, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> None:
    found = latest_materialization(log, key, partition)
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
    known = next(iter(instance.fetch_materializations(wanted, limit=1).records), None)

    assert (found is None) == (known is None)
    if found is not None and known is not None:
        assert (found.storage_id, found.run_id, found.partition_key, found.asset_key) == (
            known.storage_id, known.run_id, known.partition_key, known.asset_key,
        )  # fmt: skip
        assert found.timestamp == pytest.approx(known.timestamp)
        assert data_version(found) == data_version(known)
        assert {name: noted(found, name) for name in METADATA} == {name: noted(known, name) for name in METADATA}


@pytest.mark.parametrize("partition", ["a", "b", "c"])
def test_a_verdict_is_the_one_that_dagster_keeps(
    log: dg.DagsterInstance, instance: dg.DagsterInstance, partition: str
) -> None:
    version = latest_materialization(instance, KEY, partition) or latest_materialization(instance, KEY, "a")
    assert version is not None

    found = judgement(log, CHECK, partition, version)
    said = log.verdict(KEY.path, CHECK.name, partition)  # type: ignore[attr-defined]
    records = instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10)
    known = next(
        (
            one.evaluation
            for one in records
            if one.partition == partition and isinstance(one.evaluation, dg.AssetCheckEvaluation)
        ),
        None,
    )

    assert (said is None) == (known is None)
    if said is not None and known is not None:
        assert (said.passed, said.description) == (known.passed, known.description)
        assert said.blocks is (known.severity == dg.AssetCheckSeverity.ERROR)
        assert known.target_materialization_data is not None
        assert said.version == known.target_materialization_data.storage_id
        assert {name: value.value for name, value in said.metadata.items()} == {
            name: value.value for name, value in known.metadata.items()
        }
    expected = {"a": GateState.FAILED, "b": GateState.STALE, "c": GateState.MISSING}
    assert found.state is expected[partition]


def test_the_tables_that_have_a_partition_are_those_that_dagster_names(
    log: dg.DagsterInstance, instance: dg.DagsterInstance
) -> None:
    keys = [dg.AssetKey("never"), KEY]

    for partition in ("a", "b", "c"):
        known = partition in instance.get_materialized_partitions(KEY)
        assert made(log, keys, partition) == made(instance, keys, partition) == [False, known]


def test_a_table_that_is_read_at_once_has_the_versions_that_dagster_names(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    with event_log(folder) as log, event_log(folder) as one_by_one:
        assert log.read_table(KEY.path) == set(instance.get_materialized_partitions(KEY)) == {"a", "b"}
        for partition in ("a", "b", "c"):
            assert log.latest(KEY.path, partition) == one_by_one.latest(KEY.path, partition)
        assert log.read_table(["never"]) == set()


def test_what_was_made_last_is_the_latest_version_of_all(log: EventLog, instance: dg.DagsterInstance) -> None:
    for partitions in (["a", "b", "c"], ["a"], ["c"], []):
        known = [
            record
            for record in instance.fetch_materializations(KEY, limit=100).records
            if record.partition_key in partitions
        ]
        found = log.last_made([KEY.path, ["never"]], partitions)
        assert (found.storage_id if found else None) == max((record.storage_id for record in known), default=None)


def test_what_was_made_since_an_event_is_what_dagster_has_after_it(log: EventLog, instance: dg.DagsterInstance) -> None:
    known = instance.fetch_materializations(KEY, limit=100).records
    last = max(record.storage_id for record in known)
    for since in (0, *(record.storage_id for record in known)):
        found, upto = log.made_since(since)
        wanted = {record.partition_key for record in known if record.storage_id > since}
        assert sorted(found) == [(KEY.path, partition) for partition in sorted(wanted, key=str)]
        assert upto == instance.event_log_storage.get_maximum_record_id()
        assert upto >= last


def test_what_another_writer_commits_late_is_told_with_what_comes_after_it(postgres_url: str) -> None:
    place = {"options": "-csearch_path=late"}  # the database is that of other tests too
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool, connect_args=place)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA IF EXISTS late CASCADE; CREATE SCHEMA late"))
    _, _, events = sql_event_logs()
    events.metadata.create_all(engine)
    log = EventLog(engine.connect, engine.connect, lambda: None)
    early, late = {"asset_key": '["early"]', **ANY_EVENT}, {"asset_key": '["late"]', **ANY_EVENT}
    with engine.connect() as slow:
        slow.execute(events.insert(), late)  # it has a number, and nobody sees it yet
        with engine.begin() as quick:
            quick.execute(events.insert(), early)
        found, upto = log.made_since(0)
        assert found == [(["early"], "a")]
        slow.commit()

    found, after = log.made_since(upto)

    assert after == upto
    assert (["late"], "a") in found

    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE event_logs SET timestamp = timestamp - interval '2 hours'"))
    assert log.made_since(upto) == ([], upto)  # an idle platform comes to rest


def test_partitions_and_runs_are_those_that_dagster_knows(log: EventLog, instance: dg.DagsterInstance) -> None:
    assert log.get_dynamic_partitions("batch") == list(instance.get_dynamic_partitions("batch"))
    assert [run.run_id for run in log.unfinished()] == [
        run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED]))
    ]


def test_what_is_wiped_is_gone(tmp_path: Path) -> None:
    dagster_home.prepare(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="a"))
        instance.wipe_assets([KEY])
        with event_log(tmp_path) as log, event_log(tmp_path) as whole:
            whole.read_all()
            assert log.latest(KEY.path, "a") is whole.latest(KEY.path, "a") is None
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="a"))
        with event_log(tmp_path) as log, event_log(tmp_path) as whole:
            whole.read_all()
            assert log.latest(KEY.path, "a") == whole.latest(KEY.path, "a") is not None


def test_what_it_does_not_know_is_asked_of_the_instance(folder: Path) -> None:
    with event_log(folder) as log:
        assert log.get_materialized_partitions(KEY) == {"a", "b"}
        log.add_dynamic_partitions("batch", ["third"])
        assert log.get_dynamic_partitions("batch") == ["second", "first", "third"]
