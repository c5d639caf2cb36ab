"""A tree that nobody touches once it was added with `automate: rounds`: the daemon takes it to its last shard.

Amid its first run the code location is reloaded, as who changes a setting does in the UI.
"""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from evergrow.assets.names import SAMPLES, shard_partition
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.live import READY, live
from tests.platform import BY_ENDPOINT, Platform
from tests.test_gate_paths import RUN_OVER

SETTINGS = {
    **BY_ENDPOINT,
    "treesynth": {"max_depth": 1, "shards": 2, "adherence_rows": 0, "sample_similarity": 1.0},
    "sensors": {"interval_s": 1, "automate": "rounds"},
}
STARTED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
RELOAD = "mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
GROWN = ["tree_level_0", "tree_level_1", "tree_samples", "tree_samples"]


def test_a_tree_grows_to_its_end_without_a_human(
    fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home").ensure()
    assert main(["tree", "add", "t", "--domain", "customer_support", "--rows", "12", "--max-depth", "1"]) == 0
    last = shard_partition("t", "s01")
    fake_endpoint.control(latency=0.5)

    with dg.DagsterInstance.from_config(str(home.dagster)) as instance, live(home.path) as ui:
        until(lambda: bool(instance.get_runs(STARTED)), ui.said, 0.1, RUN_OVER)
        location = ui.ask(READY)["workspaceOrError"]["locationEntries"][0]["name"]
        ui.ask(RELOAD, name=location)
        assert instance.get_runs(STARTED)
        until(lambda: bool(latest_materialization(instance, SAMPLES, last)), ui.said, 0.5, RUN_OVER)
        until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), ui.said, 0.5, RUN_OVER)
        runs = instance.get_runs()
        platform = Platform(instance, {})
        rows = [platform.table(SAMPLES, shard_partition("t", name)).height for name in ("s00", "s01")]

    assert all(run.is_success for run in runs)
    assert sorted(run.job_name for run in runs if "dagster/sensor_name" in run.tags) == GROWN
    assert sum(rows) == 12
    assert fake_endpoint.stats()["repeated"] == 0
