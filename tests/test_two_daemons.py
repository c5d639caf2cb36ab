"""Two daemons look at one database, each from a home of its own: a batch is grown once, and nothing is paid twice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.live import of_home
from tests.platform import BY_ENDPOINT, LENIENT, functions, share_vectors
from tests.resources.conftest import postgres_url
from tests.test_gate_paths import RUN_OVER
from tests.test_two_homes import databases, home_on

assert postgres_url  # fixtures
assert databases

SETTINGS = {
    **LENIENT,
    **BY_ENDPOINT,
    "evolution": {"rounds": 1, "children": 2, "margin": -10},
    "sensors": {"interval_s": 2},
}
TABLES = [*(stage_key(1, stage) for stage in STAGES), COLLECTED]
DAEMON = [sys.executable, "-m", "dagster._daemon", "run", "-m", "evergrow.assets.definitions"]


@contextmanager
def daemon(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A daemon of this home, as `evergrow ui` starts one; the file that it prints into."""
    log = home / "daemon.txt"
    monkeypatch.setenv("EVERGROW_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            DAEMON, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with its code server, which outlives it for a while
        process.wait()
        until(lambda: not of_home(home), lambda: f"left behind: {of_home(home)}")


@pytest.mark.timeout(900)
def test_two_daemons_grow_a_batch_once(
    databases: dict[str, str],
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    known_vectors: Path,
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    functions(2).frame.select("content").write_ndjson(tmp_path / "seeds.jsonl")
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))
    monkeypatch.setenv("EVERGROW_LEDGER_URL", databases["two_homes"])
    monkeypatch.setenv("EVERGROW_LAKE_URL", str(tmp_path / "lake"))
    share_vectors(known_vectors, tmp_path / "lake")
    homes = [home_on(databases, tmp_path / name) for name in ("one", "two")]
    monkeypatch.setenv("EVERGROW_HOME", str(homes[0]))
    assert main(["seeds", "add", str(tmp_path / "seeds.jsonl"), "--batch", "b"]) == 0

    with dg.DagsterInstance.from_config(str(homes[0] / "dagster")) as instance:
        with daemon(homes[0], monkeypatch) as one, daemon(homes[1], monkeypatch) as two:

            def said() -> str:
                return f"{runs(instance)}\n{one.read_text()[-2000:]}\n{two.read_text()[-2000:]}"

            def both_look() -> bool:  # at which sensor, is chance: each is looked at by who comes first
                return all("dagster.daemon.SensorDaemon" in log.read_text() for log in (one, two))

            until(both_look, said, 0.5, RUN_OVER)
            assert main(["recipe", "set", "b", "automate=rounds"]) == 0
            until(lambda: bool(latest_materialization(instance, COLLECTED, "b")), said, 0.5, RUN_OVER)
            until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), said, 0.5, RUN_OVER)
        assert {key.to_user_string(): versions(instance, key) for key in TABLES} == {
            key.to_user_string(): 1 for key in TABLES
        }, runs(instance)
    assert fake_endpoint.stats()["repeated"] == 0
    assert fake_endpoint.stats()["requests"] > 0


def versions(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """How often the table of the batch was made."""
    wanted = dg.AssetRecordsFilter(key, ["b"])
    return len(instance.event_log_storage.fetch_materializations(wanted, 100).records)


def runs(instance: dg.DagsterInstance) -> Counter[tuple[str, str]]:
    """How many runs of each job ended how."""
    return Counter((run.job_name, run.status.value) for run in instance.get_runs())
