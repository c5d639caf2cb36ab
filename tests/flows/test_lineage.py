"""OpenLineage: what a collector on loopback hears of a run; one that fails stops nothing."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from evergrow.assets.names import SEEDS, stage_key
from evergrow.flows.lineage import tell
from evergrow.flows.run import RunFailed, execute
from evergrow.flows.runs import of_this_process
from evergrow.sensors.lineage import lineage_sensors
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform


@dataclass
class Collector:
    """An HTTP server that keeps what it is sent."""

    status: int = 201
    heard: list[dict[str, Any]] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    keys: set[str | None] = field(default_factory=set)
    url: str = ""


@pytest.fixture
def collector() -> Iterator[Collector]:
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.heard.append(json.loads(body))
            kept.paths.add(self.path)
            kept.keys.add(self.headers.get("Authorization"))
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint) -> Iterator[Platform]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(instance, {**LENIENT, "evolution": {"rounds": 1, "children": 2}})
        made.register("b", 2)
        yield made


def telling(platform: Platform, url: str) -> Platform:
    return platform.but(observability={"openlineage_url": url, "openlineage_namespace": "ours"})


def test_a_collector_hears_tables_columns_rows_inputs_and_gates(
    platform: Platform, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "collectors-own")
    workspace = telling(platform, collector.url).workspace

    assert execute(workspace, "seeds", [SEEDS], "b") == ""
    assert execute(workspace, "round_01", [stage_key(1, "instructions")], "b") == ""

    assert (collector.paths, collector.keys) == ({"/api/v1/lineage"}, {"Bearer collectors-own"})
    assert [(event["eventType"], event["job"]["name"]) for event in collector.heard] == [
        ("START", "evolution/seeds"),
        ("COMPLETE", "evolution/seeds"),
        ("START", "evolution/round_01/instructions"),
        ("COMPLETE", "evolution/round_01/instructions"),
        ("COMPLETE", "evolution/round_01/instructions/instructions_gate"),
    ]
    seeds, made, judged = (collector.heard[n] for n in (1, 3, 4))
    assert {event["job"]["namespace"] for event in collector.heard} == {"ours"}
    (output,) = made["outputs"]
    assert output["name"] == "evolution/round_01/instructions/b"
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 4
    columns = {column["name"]: column for column in output["facets"]["schema"]["fields"]}
    assert columns["content"]["type"] == "String"
    assert columns["prompt_version"]["description"] == "of the prompt that the instruction was asked by"
    (source,) = made["inputs"]
    assert source["name"] == seeds["outputs"][0]["name"] == "evolution/seeds/b"
    versions = [one["facets"]["version"]["datasetVersion"] for one in (source, seeds["outputs"][0])]
    assert versions[0] == versions[1]
    assertions = judged["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert len(assertions) == 3
    assert all(one["success"] and one["severity"] in ("error", "warn") for one in assertions)
    assert made["run"]["facets"]["parent"]["job"]["name"] == "round_01"


def test_a_run_that_failed_is_told_with_its_error(
    platform: Platform, collector: Collector, fake_endpoint: FakeEndpoint
) -> None:
    workspace = telling(platform, collector.url).workspace

    with pytest.raises(RunFailed):
        execute(workspace, "round_01", [stage_key(1, "instructions")], "b")

    (failed,) = collector.heard
    assert failed["eventType"] == "FAIL"
    assert "evolution/seeds" in failed["run"]["facets"]["errorMessage"]["message"]


@pytest.mark.parametrize("status", [None, 500, 403])
def test_a_collector_that_fails_stops_no_run_and_is_named(
    platform: Platform, collector: Collector, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    collector.status = status or 201
    url = collector.url if status else "http://127.0.0.1:9"

    assert execute(telling(platform, url).workspace, "seeds", [SEEDS], "b") == ""

    assert f"the OpenLineage collector {url}" in caplog.text
    assert "observability.openlineage_url" in caplog.text


@pytest.mark.parametrize("status", [None, 500])
def test_no_secret_of_a_collectors_address_is_logged(
    platform: Platform, collector: Collector, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    collector.status = status or 201
    at = collector.url.removeprefix("http://") if status else "127.0.0.1:9"
    rules = telling(platform, f"http://user:PASSWORD@{at}/api?api_key=SECRETKEY").settings.observability
    platform.run("seeds", "b")
    run = platform.instance.get_runs(limit=1)[0]

    assert tell(platform.instance, run.run_id, rules) == 0

    assert f"the OpenLineage collector http://{at}/api took 0 events" in caplog.text
    assert not [word for word in ("PASSWORD", "SECRETKEY") if word in caplog.text]


def test_nothing_is_told_and_no_sensor_is_there_by_default(platform: Platform, tmp_path: Path) -> None:
    assert lineage_sensors(platform.settings) == []
    assert tell(platform.instance, "no run", platform.settings.observability) == 0


def test_runs_of_the_daemon_are_told_by_a_sensor_and_those_of_commands_once(
    platform: Platform, collector: Collector
) -> None:
    own = telling(platform, collector.url)
    succeeded, failed = lineage_sensors(own.settings)
    assert {succeeded.name, failed.name} == {"lineage_of_succeeded_runs", "lineage_of_failed_runs"}
    assert own.definitions.resolve_sensor_def("lineage_of_succeeded_runs").description
    result = own.definitions.resolve_job_def("seeds").execute_in_process(
        instance=own.instance, partition_key="b", raise_on_error=False
    )
    event = result.get_run_success_event()

    with dg.build_run_status_sensor_context(
        succeeded.name, event, own.instance, own.instance.get_run_by_id(result.run_id)  # type: ignore[arg-type]
    ) as context:  # fmt: skip
        succeeded(context)

    assert [one["eventType"] for one in collector.heard] == ["START", "COMPLETE"]


@pytest.mark.parametrize("parent", [None, "11111111-1111-4111-8111-111111111111"])
def test_a_commands_run_that_the_ui_started_again_is_told_by_the_sensor(
    platform: Platform, collector: Collector, parent: str | None
) -> None:
    own = telling(platform, collector.url)
    succeeded, _ = lineage_sensors(own.settings)
    result = own.definitions.resolve_job_def("seeds").execute_in_process(
        instance=own.instance, partition_key="b", tags=of_this_process()
    )
    run = own.instance.get_run_by_id(result.run_id)
    assert run is not None
    again = run._replace(parent_run_id=parent, root_run_id=parent)  # with its parent's tags, as the UI starts one

    with dg.build_run_status_sensor_context(
        succeeded.name, result.get_run_success_event(), own.instance, again
    ) as context:  # fmt: skip
        succeeded(context)

    assert [one["eventType"] for one in collector.heard] == (["START", "COMPLETE"] if parent else [])
