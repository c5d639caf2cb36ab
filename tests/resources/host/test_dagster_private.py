"""What breaks if a name that evergrow takes from Dagster's private modules changes: one test for each.

A new minor version of Dagster is let in when these pass.
"""

import ast
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dagster as dg
import psutil
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from evergrow.resources.host import dagster_private as private

ROOT = Path(__file__).parents[3]
PARTS = dg.StaticPartitionsDefinition(["a", "b"])


@dg.asset(partitions_def=PARTS, code_version="seven")
def numbers() -> int:
    return 1


@dg.asset(partitions_def=PARTS)
def doubled(numbers: int) -> int:
    return 2 * numbers


@dg.asset_check(asset=numbers, partitions_def=PARTS, blocking=True)
def verdict(context: dg.AssetCheckExecutionContext, numbers: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=context.partition_key == "b", description="only b is good")


@dg.asset
def failing() -> None:
    raise dg.Failure("in its own words")


@dg.asset
def raising() -> None:
    raise ValueError("as Python says it")


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture(scope="module")
def runs(instance: dg.DagsterInstance) -> dict[str, dg.ExecuteInProcessResult]:
    defs = dg.Definitions(
        [numbers, doubled, failing, raising],
        asset_checks=[verdict],
        jobs=[
            dg.define_asset_job("parts", selection=dg.AssetSelection.assets(numbers, doubled)),
            dg.define_asset_job("fails", selection=dg.AssetSelection.assets(failing)),
            dg.define_asset_job("raises", selection=dg.AssetSelection.assets(raising)),
        ],
    )

    def run(job: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        resolved = defs.resolve_job_def(job)
        return resolved.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)

    return {"a": run("parts", "a"), "b": run("parts", "b"), "fails": run("fails"), "raises": run("raises")}


def data(result: dg.ExecuteInProcessResult) -> list[object]:
    return [event.event_specific_data for event in result.all_events]


def tags_of(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    record = instance.get_latest_materialization_event(key)
    assert record is not None
    assert record.asset_materialization is not None
    return dict(record.asset_materialization.tags or {})


def test_a_table_says_what_content_it_holds(
    instance: dg.DagsterInstance, runs: dict[str, dg.ExecuteInProcessResult]
) -> None:
    assert runs["b"].success
    assert tags_of(instance, numbers.key)[private.CODE_VERSION_TAG] == "seven"
    assert tags_of(instance, numbers.key)[private.DATA_VERSION_TAG]
    assert (
        tags_of(instance, numbers.key)[private.DATA_VERSION_TAG]
        != tags_of(instance, doubled.key)[private.DATA_VERSION_TAG]
    )


def test_a_run_carries_its_partition_and_its_key_as_tags(
    instance: dg.DagsterInstance, runs: dict[str, dg.ExecuteInProcessResult]
) -> None:
    run = instance.get_run_by_id(runs["b"].run_id)

    assert run is not None
    assert run.tags[private.PARTITION_NAME_TAG] == "b"
    assert dg.RunRequest(run_key="k", tags={}).run_key == "k"
    assert private.RUN_KEY_TAG == "dagster/run_key"
    assert private.MAX_RETRIES_TAG == "dagster/max_retries"
    assert private.RETRY_NUMBER_TAG == "dagster/retry_number"


def test_why_a_run_failed_is_found_in_its_events(runs: dict[str, dg.ExecuteInProcessResult]) -> None:
    gate = [one for one in data(runs["a"]) if isinstance(one, private.AssetCheckEvaluation)]
    own = [one for one in data(runs["fails"]) if isinstance(one, private.StepFailureData)]
    python = [one for one in data(runs["raises"]) if isinstance(one, private.StepFailureData)]

    assert [one.description for one in gate if not one.passed] == ["only b is good"]
    assert isinstance(own[0].user_failure_data, private.UserFailureData)
    assert own[0].user_failure_data.description == "in its own words"
    assert isinstance(python[0].error, private.SerializableErrorInfo)
    assert python[0].error.cause is not None
    assert "as Python says it" in python[0].error.cause.message


def test_how_a_run_ended_is_found_in_its_events(runs: dict[str, dg.ExecuteInProcessResult]) -> None:
    ends = [one for one in data(runs["fails"]) if isinstance(one, private.JobFailureData)]

    assert ends[0].failure_reason is not private.RunFailureReason.UNEXPECTED_TERMINATION
    assert any(isinstance(one, private.EngineEventData) for one in data(runs["fails"]))


def test_storage_keeps_the_engine_of_each_database_and_its_migrations(tmp_path: Path) -> None:
    private.keep_engines()
    engines = []
    for name in ("a", "b", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        with dg.DagsterInstance.local_temp(str(tmp_path / name)) as instance:
            assert dg.materialize([numbers], instance=instance, partition_key="a").success
            event_log, run_storage = cast("Any", instance.event_log_storage), cast("Any", instance.run_storage)
            with event_log.index_connection() as events, run_storage.connect() as runs:
                engines.append((events.engine, runs.engine))
    config = Config()
    config.set_main_option("script_location", "dagster:_core/storage/alembic")

    assert engines[0] == engines[2]
    assert len({engine for pair in engines for engine in pair}) == 4
    assert all(isinstance(engine.pool, sa.NullPool) for pair in engines for engine in pair)
    assert ScriptDirectory.from_config(config) is ScriptDirectory.from_config(config)


def test_a_database_that_was_deleted_is_made_anew_at_its_place(tmp_path: Path) -> None:
    private.keep_engines()
    for _ in range(2):
        (tmp_path / "home").mkdir()
        with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
            assert dg.materialize([numbers], instance=instance, partition_key="a").success
            assert instance.get_runs_count() == 1
        shutil.rmtree(tmp_path / "home")


def test_what_shows_the_prints_of_a_run_is_not_told_of_an_interruption(tmp_path: Path) -> None:
    deaf, others = [], {*psutil.Process().children()}

    @dg.asset
    def looking() -> None:
        for begun in {*psutil.Process().children()} - others:
            status = Path(f"/proc/{begun.pid}/status").read_text()
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            deaf.append(bool(blocked >> signal.SIGINT - 1 & 1))

    private.keep_interrupts_from_mirrors()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert dg.materialize([looking], instance=instance).success

    assert deaf == [True] * 4
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_no_other_module_reaches_into_dagster() -> None:
    folders = ("methods", "resources", "assets", "flows", "sensors", "cli", "tests", "benchmarks")
    found = []
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [module or ""]
            if any(name.startswith(("dagster._", "dagster_shared")) for name in names):
                found.append(path.relative_to(ROOT).as_posix())

    # The test of deploy/ reads a configuration without connecting to its databases, which nothing public does.
    assert set(found) == {"resources/host/dagster_private.py", "tests/deploy/test_deploy.py"}
