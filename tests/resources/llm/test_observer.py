import json
import os
from pathlib import Path

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.observer import exposition, metrics_file
from tests.conftest import FakeEndpoint
from tests.resources.llm.support import ask, requests, settings


def test_events_and_counters_are_written_where_the_settings_say(
    fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path
) -> None:
    fake_endpoint.control(first={"500": 2, "400": 1}, error_code="invalid_value")
    events, metrics = tmp_path / "watch" / "events.jsonl", tmp_path / "watch" / "evergrow.prom"

    ask(settings(observability={"events": events, "metrics": metrics}), ledger, requests(20))

    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [line["event"] for line in lines if line.get("status") == 500] == ["attempt_failed"] * 2
    assert [line["key"] for line in lines if line["event"] == "request_failed"]
    assert all(line["run_id"] == "run-1" for line in lines)
    text = metrics_file(metrics, os.getpid()).read_text().replace(f',process="{os.getpid()}"', "")
    assert not metrics.exists()
    assert 'evergrow_requests_total{role="generator",outcome="answered"} 19' in text
    assert 'evergrow_attempts_failed_total{endpoint="default",kind="transient"} 2' in text
    assert 'evergrow_replies_total{endpoint="default",model="model-1"} 19' in text
    assert "sk-test" not in events.read_text() + text


def test_counters_go_on_from_step_to_step(fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path) -> None:
    chosen = settings(observability={"metrics": tmp_path / "evergrow.prom"})

    ask(chosen, ledger, requests(20))
    ask(chosen, ledger, requests(30, system="the next step"))

    (written,) = tmp_path.glob("*.prom")
    assert f'outcome="answered",process="{os.getpid()}"}} 50\n' in written.read_text()


def test_nothing_is_written_by_default(fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}

    ask(settings(), ledger, requests(5))

    assert {path.name for path in tmp_path.iterdir()} - before <= {"ledger.sqlite-wal", "ledger.sqlite-shm"}


def test_labels_are_escaped() -> None:
    text = exposition({("evergrow_usd_total", (("model", 'a"b\\c\nd'),)): 0.5})

    assert 'evergrow_usd_total{model="a\\"b\\\\c\\nd"} 0.5\n' in text
