"""The event log gets smaller by what nobody goes by."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from evergrow.resources.host.pruning import prune
from tests.resources.conftest import postgres_url
from tests.test_two_homes import databases

assert postgres_url  # fixtures
assert databases

DAYS = dg.StaticPartitionsDefinition(["one", "two"])


@dg.asset(partitions_def=DAYS)
def made(context: dg.AssetExecutionContext) -> int:
    context.log.info("a line of a log")
    if "fails" in context.run.tags:
        raise dg.Failure("as told")
    return 1


@dg.asset_check(asset=made)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"rows": 3})


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with storage of each kind."""
    config = {}
    if request.param == "postgresql":
        url = request.getfixturevalue("databases")["two_homes_dagster"].replace("+psycopg:", "+psycopg2:")
        config = {"storage": {"postgres": {"postgres_url": url}}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({**config, "telemetry": {"enabled": False}}))
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run(instance: dg.DagsterInstance, partition: str, **tags: str) -> str:
    job = dg.define_asset_job("job", [made])
    found = dg.Definitions([made], jobs=[job], asset_checks=[sound]).resolve_job_def("job")
    return found.execute_in_process(instance=instance, partition_key=partition, tags=tags, raise_on_error=False).run_id


def kinds(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    return {log.dagster_event.event_type_value if log.dagster_event else "" for log in instance.all_logs(run_id)}


def test_what_tables_gates_and_failures_tell_stays_and_log_lines_go(instance: dg.DagsterInstance) -> None:
    whole, failed = run(instance, "one"), run(instance, "two", fails="yes")
    of_failed, latest = kinds(instance, failed), instance.get_latest_materialization_event(made.key)
    before, now = kinds(instance, whole), time.time()
    stats = instance.get_run_step_stats(whole)
    assert {"", "LOGS_CAPTURED", "ENGINE_EVENT"} & before

    assert prune(instance, 0.0, now - 3_600)[:2] == (0, 0)  # none is as old
    runs, gone, upto = prune(instance, 0.0, now + 3_600)

    after = kinds(instance, whole)
    assert runs == 1
    assert gone > 0
    assert upto == now + 3_600
    assert not {"", "ENGINE_EVENT", "STEP_OUTPUT", "HANDLED_OUTPUT"} & after
    assert {"RUN_START", "STEP_START", "STEP_SUCCESS", "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"} <= {
        name.replace("PIPELINE", "RUN") for name in after
    }
    assert kinds(instance, failed) == of_failed
    assert instance.get_latest_materialization_event(made.key) == latest
    assert instance.get_materialized_partitions(made.key) == {"one"}
    assert [(one.step_key, one.status) for one in instance.get_run_step_stats(whole)] == [
        (one.step_key, one.status) for one in stats
    ]
    assert prune(instance, upto, upto + 1)[:2] == (0, 0)
