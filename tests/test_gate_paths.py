"""A gate that is not passed keeps its table from every reader, wherever the read comes from.

One home with a real Dagster instance: batch `good` went through two rounds and its collection; the first round of batch
`bad` did not pass its gate, for too few of its children were accepted.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import yaml

from evergrow.assets.names import COLLECTED, STAGES, stage_key
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.live import Live, live
from tests.platform import BY_ENDPOINT, LENIENT, Platform, functions
from tests.sensors.conftest import look, reason

SETTINGS = {
    **BY_ENDPOINT,
    "gates": {**LENIENT["gates"], "accepted": {"min_rows": 5}},
    "evolution": {"rounds": 2, "children": 2, "margin": -10},
    "sensors": {"interval_s": 1, "inbox_settle_s": 0.2, "inbox": "rounds"},
}
ACCEPTED, NEXT = stage_key(1, "accepted"), stage_key(2, "instructions")
CLOSED = "evolution/round_01/accepted:accepted_gate is FAILED for partition 'bad'"
WHY = "enough children are accepted"
RUN_OVER = 240  # seconds until a run that the daemon launches is over, on a busy machine
BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the shell of this home's owner has set."""
    folder = tmp_path_factory.mktemp("paths")
    (folder / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    endpoint = FakeEndpoint()
    yield {
        "EVERGROW_HOME": str(folder / "home"),
        "EVERGROW_CONFIG": str(folder / "evergrow.yaml"),
        "OPENAI_BASE_URL": endpoint.url,
        "OPENAI_API_KEY": "sk-test-0123456789",
    }
    endpoint.kill()


@pytest.fixture(scope="module")
def platform(environment: dict[str, str]) -> Iterator[Platform]:
    """The home, with its two batches."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        home = Home(Path(environment["EVERGROW_HOME"])).ensure()
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            platform = Platform(instance, {})
            platform.register("good", 6)
            platform.register("bad", 2)
            for job in ("seeds", "round_01", "round_02", "collected"):
                assert platform.run(job, "good") == ""
            assert platform.run("seeds", "bad") == ""
            assert WHY in platform.run("round_01", "bad")
            yield platform


@pytest.fixture(autouse=True)
def _environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, _own_environment: None) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def unmade(platform: Platform) -> bool:
    """Whether nothing downstream of the closed gate was made."""
    keys = (NEXT, COLLECTED)
    return not any(latest_materialization(platform.instance, key, "bad") for key in keys)


def test_the_same_run(platform: Platform) -> None:
    job = platform.definitions.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        instance=platform.instance, partition_key="bad", asset_selection=[ACCEPTED, NEXT], raise_on_error=False
    )

    assert not result.success
    assert unmade(platform)


@pytest.mark.parametrize("job", ["round_02", "collected"])
def test_a_separate_run(platform: Platform, job: str) -> None:
    message = platform.run(job, "bad")

    assert CLOSED in message
    assert WHY in message
    assert unmade(platform)


def test_a_job_that_leaves_out_every_check(platform: Platform) -> None:
    job = dg.define_asset_job("bare", selection=dg.AssetSelection.assets(NEXT).without_checks())
    bare = dg.Definitions.merge(platform.definitions, dg.Definitions(jobs=[job])).resolve_job_def("bare")

    assert not bare.execute_in_process(instance=platform.instance, partition_key="bad", raise_on_error=False).success
    assert unmade(platform)


def test_assets_materialized_from_python(platform: Platform) -> None:
    result = dg.materialize(
        [asset for asset in platform.definitions.assets or () if isinstance(asset, dg.AssetsDefinition)],
        selection=[COLLECTED],
        partition_key="bad",
        instance=platform.instance,
        resources=dict(platform.definitions.resources or {}),
        raise_on_error=False,
    )

    assert not result.success
    assert unmade(platform)


def test_a_partition_that_was_never_checked(platform: Platform) -> None:
    platform.register("unchecked", 6)
    platform.run("seeds", "unchecked")
    platform.run("round_01", "unchecked", [stage_key(1, stage) for stage in STAGES[:3]])
    platform.run_unchecked("unchecked", ACCEPTED)

    assert "accepted_gate is MISSING for partition 'unchecked'" in platform.run("collected", "unchecked")


def test_a_check_that_was_planned_and_not_made_leaves_what_it_found_of_this_version(platform: Platform) -> None:
    job = platform.definitions.resolve_job_def("round_01").get_subset(asset_selection={ACCEPTED})
    run = platform.instance.create_run_for_job(job, tags={"dagster/partition": "good"})

    assert platform.run("collected", "good") == ""
    platform.instance.report_run_failed(run)

    assert platform.run("collected", "good") == ""
    assert main(["table", ACCEPTED.to_user_string(), "--partition", "good"]) == 0


def test_a_check_of_an_older_version(platform: Platform) -> None:
    platform.run_unchecked("good", ACCEPTED)

    assert "accepted_gate is STALE for partition 'good'" in platform.run("round_02", "good")
    assert platform.run("round_01", "good", [ACCEPTED]) == ""
    assert platform.run("round_02", "good") == ""
    assert platform.run("collected", "good") == ""


def test_the_command_that_writes_a_table(
    platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rows in ("kept", "rejected", "all"):
        target = tmp_path / f"{rows}.parquet"

        assert (
            main(["table", ACCEPTED.to_user_string(), "--partition", "bad", "--rows", rows, "--out", str(target)]) == 1
        )

        assert CLOSED in capsys.readouterr().err
        assert not target.exists()


def test_the_command_that_exports(platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--batch", "bad", "--out", str(tmp_path / "bad")]) == 1
    assert "evolution/collected of batch 'bad' was never made" in capsys.readouterr().err
    assert not (tmp_path / "bad").exists()

    assert main(["export", "--format", "parquet", "--out", str(tmp_path / "all")]) == 0
    assert set(pl.read_parquet(tmp_path / "all" / "train.parquet")["batch"]) == {"good"}


def test_the_command_that_runs(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--batch", "bad"]) == 1

    said = capsys.readouterr().err
    assert "quality gate evolution/round_01/accepted:accepted_gate is closed" in said
    assert WHY in said
    assert unmade(platform)


def test_the_sensor(platform: Platform) -> None:
    assert main(["recipe", "set", "bad", "automate=rounds"]) == 0

    said = reason(look(platform, "advance"))

    assert "bad: the gate of evolution/round_01/accepted is closed" in said
    assert WHY in said


def test_a_backfill_from_the_ui_and_rounds_without_a_human(platform: Platform) -> None:
    """One instance for both, for it takes a while to start: a file is dropped, and a backfill launched meanwhile."""
    instance, asked = platform.instance, platform.spent("good").calls
    with live(platform.home.path) as ui:
        functions(6).frame.select("content", id=pl.col("seed_id")).write_ndjson(platform.home.inbox / "dropped.jsonl")
        launched = ui.ask(
            BACKFILL,
            parameters={
                "assetSelection": [{"path": list(NEXT.path)}],
                "partitionNames": ["good", "bad"],
                "tags": [],
                "fromFailure": False,
            },
        )["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        runs = backfilled(ui, instance, launched["backfillId"])
        until(lambda: bool(latest_materialization(instance, COLLECTED, "dropped")), ui.said, 0.5, RUN_OVER)
        until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), ui.said, 0.5, RUN_OVER)

    assert {batch: run.status.value for batch, run in runs.items()} == {"good": "SUCCESS", "bad": "FAILURE"}
    assert CLOSED in failure(instance, runs["bad"])
    assert unmade(platform)
    assert platform.spent("good").calls == asked
    assert set(platform.table(COLLECTED, "dropped")["round"]) == {1, 2}
    of_dropped = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": "dropped"}))
    assert sorted(run.job_name for run in of_dropped) == ["collected", "round_01", "round_02", "seeds"]
    assert all(run.is_success for run in of_dropped)


def backfilled(ui: Live, instance: dg.DagsterInstance, backfill: str) -> dict[str, dg.DagsterRun]:
    """The runs of a backfill of two partitions, by partition, once they are over."""

    def runs() -> dict[str, dg.DagsterRun]:
        found = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
        return {run.tags["dagster/partition"]: run for run in found}

    until(lambda: len(runs()) == 2 and all(run.is_finished for run in runs().values()), ui.said, 0.5, RUN_OVER)
    return runs()


def failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """What the failed step of a run said."""
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id)]
    failed = [event.step_failure_data for event in events if event and event.is_step_failure]
    return str(failed[0].user_failure_data or failed[0].error)
