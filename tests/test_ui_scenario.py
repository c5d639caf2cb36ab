"""The platform as a person meets it: Dagster's pages in a real browser, from a bad batch to its second round."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from playwright.sync_api import Page, expect

from evergrow.assets.names import stage_key
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from tests.browser import PATIENCE_MS, browsing
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.live import Live, live
from tests.platform import BY_ENDPOINT, LENIENT, functions
from tests.test_gate_paths import RUN_OVER

SETTINGS = {
    **BY_ENDPOINT,
    "gates": {**LENIENT["gates"], "complexity": {"max_drop": 9.0, "min_mean": 9.9}},
    "evolution": {"rounds": 2, "children": 2, "margin": -10},
    "sensors": {"interval_s": 1},
}
ROUND = "round_01"
expect.set_options(timeout=PATIENCE_MS)  # Dagster's pages ask their server, which is busy


def test_a_bad_batch_is_refused_mended_and_taken_on(
    fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    functions(4).frame.select("content").write_ndjson(tmp_path / "functions.jsonl")
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home").ensure()
    assert main(["seeds", "add", "functions.jsonl", "--batch", "b"]) == 0

    with (
        dg.DagsterInstance.from_config(str(home.dagster)) as instance,
        live(home.path) as ui,
        browsing() as (page, _),  # its processes know this home, too: they end first
    ):
        base = ui.url.removesuffix("/graphql")
        until(lambda: bool(latest_materialization(instance, dg.AssetKey(["evolution", "seeds"]), "b")), ui.said)
        materialize(page, f"{base}/locations/evergrow.assets.definitions/jobs/{ROUND}")
        until(lambda: ended(instance, ROUND) == [False], ui.said, 0.5, RUN_OVER)

        page.goto(f"{base}/assets/evolution/{ROUND}/complexity?view=checks")
        expect(page.get_by_text("wanted at least 9.9, setting gates.complexity.min_mean").first).to_be_visible()
        expect(page.get_by_text("0 of 8 rows fail").first).to_be_visible()
        assert latest_materialization(instance, stage_key(1, "accepted"), "b") is None
        page.goto(f"{base}/automation")
        expect(page.get_by_text("advance").first).to_be_visible()

        capsys.readouterr()
        assert main(["table", f"evolution/{ROUND}/complexity", "--partition", "b"]) == 1
        assert "quality gate evolution/round_01/complexity" in capsys.readouterr().err
        asked = fake_endpoint.stats()["requests"]

        fake_endpoint.control(latency=1)
        assert main(["recipe", "set", "b", "gates.complexity.min_mean=1", "automate=rounds"]) == 0
        until(lambda: fake_endpoint.stats()["requests"] > asked, lambda: said(instance, ui), 0.1, RUN_OVER)
        reload(ui)  # under the run's feet
        fake_endpoint.control(latency=0)
        second = stage_key(2, "accepted")
        until(lambda: bool(latest_materialization(instance, second, "b")), lambda: said(instance, ui), 0.5, RUN_OVER)
        until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), ui.said, 0.5, RUN_OVER)
        page.goto(f"{base}/assets/evolution/round_02/accepted?partition=b")
        expect(page.get_by_text("evergrow explore --batch b").first).to_be_visible()

    by_sensor = [run.job_name for run in instance.get_runs() if run.tags.get("dagster/sensor_name") == "advance"]
    assert {ROUND, "round_02"} <= set(by_sensor)
    assert [run.status.value for run in instance.get_runs() if run.job_name == "round_02"] == ["SUCCESS"]
    assert fake_endpoint.stats()["repeated"] == 0


def reload(ui: Live) -> None:
    """Load the code location anew, as the button in the UI does."""
    query = "mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
    answer = ui.ask(query, name="evergrow.assets.definitions")
    assert answer["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"


def materialize(page: Page, job: str) -> None:
    """Materialize all of a job's tables for the only batch, as a person does."""
    page.goto(job)
    page.click("button:has-text('Materialize all')")
    page.get_by_role("button", name="All", exact=True).click()
    launch = page.locator("button", has_text="Launch").last
    expect(launch).to_be_enabled()
    launch.click()


def ended(instance: dg.DagsterInstance, job: str) -> list[bool]:
    """Which of a job's runs that are over succeeded."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job))
    return [run.is_success for run in runs if run.is_finished]


def said(instance: dg.DagsterInstance, ui: Live) -> str:
    """What is known where it does not go on."""
    runs = [(run.job_name, run.status.value) for run in instance.get_runs()]
    return f"{runs}\n{ui.said()}"
