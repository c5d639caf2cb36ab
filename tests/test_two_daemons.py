"""Two daemons look at one database, each of a home of its own: every batch is grown once, and nothing is paid twice."""

from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
import yaml

from evergrow.assets.names import COLLECTED, STAGES, stage_key
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.lake.versions import latest_materialization
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.live import live
from tests.platform import LENIENT, functions, share_vectors
from tests.resources.conftest import postgres_url
from tests.test_gate_paths import RUN_OVER
from tests.test_two_homes import databases, home_on

assert postgres_url  # fixtures
assert databases

SETTINGS = {
    **LENIENT,
    "evolution": {"rounds": 1, "children": 2, "margin": -10},
    "sensors": {"interval_s": 1},
}
BATCHES = ("a", "b")
TABLES = [*(stage_key(1, stage) for stage in STAGES), COLLECTED]


@pytest.mark.timeout(600)
def test_two_daemons_grow_every_batch_once(
    databases: dict[str, str],
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    known_vectors: Path,
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))
    monkeypatch.setenv("EVERGROW_LEDGER_URL", databases["two_homes"])
    monkeypatch.setenv("EVERGROW_LAKE_URL", str(tmp_path / "lake"))
    share_vectors(known_vectors, tmp_path / "lake")
    homes = [home_on(databases, tmp_path / name / "home") for name in ("one", "two")]
    monkeypatch.setenv("EVERGROW_HOME", str(homes[0]))
    for number, batch in enumerate(BATCHES):
        functions(2 + 2 * number).frame[-2:].select("content").write_ndjson(tmp_path / f"{batch}.jsonl")
        assert main(["seeds", "add", f"{batch}.jsonl", "--batch", batch]) == 0
        assert main(["recipe", "set", batch, "automate=rounds"]) == 0

    with dg.DagsterInstance.from_config(str(homes[0] / "dagster")) as instance:
        with live(homes[0]) as one:
            monkeypatch.setenv("EVERGROW_HOME", str(homes[1]))
            with live(homes[1]) as two:
                until(
                    lambda: all(latest_materialization(instance, COLLECTED, batch) for batch in BATCHES),
                    lambda: f"{runs(instance)}\n{one.said()}\n{two.said()}", 0.5, RUN_OVER,
                )  # fmt: skip
                until(
                    lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)),
                    lambda: str(runs(instance)), 0.5, RUN_OVER,
                )  # fmt: skip
        log = instance.event_log_storage
        made = {
            (key.to_user_string(), batch): len(
                log.fetch_materializations(dg.AssetRecordsFilter(key, [batch]), 100).records
            )
            for key in TABLES
            for batch in BATCHES
        }
        assert set(made.values()) == {1}, (made, runs(instance))
    assert fake_endpoint.stats()["repeated"] == 0
    assert fake_endpoint.stats()["requests"] > 0


def runs(instance: dg.DagsterInstance) -> Counter[tuple[str, str, str]]:
    """How many runs of each job and partition ended how."""
    return Counter(
        (run.job_name, run.tags.get("dagster/partition", ""), run.status.value) for run in instance.get_runs()
    )
