import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.counters import Series, add, exposition, read
from tests.conftest import ROOT, FakeEndpoint
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
    text = metrics.read_text()
    assert 'evergrow_requests_total{role="generator",outcome="answered"} 19.0\n' in text
    assert 'evergrow_attempts_failed_total{endpoint="default",kind="transient"} 2.0\n' in text
    assert 'evergrow_replies_total{endpoint="default",model="model-1"} 19.0\n' in text
    assert "sk-test" not in events.read_text() + text


def test_counters_go_on_from_step_to_step(fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path) -> None:
    chosen = settings(observability={"metrics": tmp_path / "evergrow.prom"})

    ask(chosen, ledger, requests(20))
    ask(chosen, ledger, requests(30, system="the next step"))

    assert 'outcome="answered"} 50.0\n' in (tmp_path / "evergrow.prom").read_text()


ADDING = """
import sys
from pathlib import Path
from evergrow.resources.llm.counters import add
for _ in range(50):
    add(Path(sys.argv[1]), {("evergrow_requests_total", (("role", "judge"),)): 1.0})
"""


def test_processes_add_to_the_same_counters_and_leave_one_file(tmp_path: Path) -> None:
    path = tmp_path / "evergrow.prom"
    command = [sys.executable, "-c", ADDING, str(path)]

    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]

    assert read(path.read_text()) == {("evergrow_requests_total", (("role", "judge"),)): 100.0}
    assert [file.name for file in tmp_path.glob("*.prom")] == ["evergrow.prom"]


@given(st.text(), st.floats(min_value=0, max_value=1e15))
def test_counters_are_read_back_as_they_were_written(label: str, value: float) -> None:
    counts: dict[Series, float] = {
        ("evergrow_usd_total", (("model", label + "\n" + label), ("direction", "in"))): value
    }

    assert read(exposition(counts)) == counts


def test_a_file_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "evergrow.prom"
    path.write_text('no counters\nother_total{a="b"} 4\n')

    add(path, {("evergrow_usd_total", (("model", "m"),)): 0.5})

    assert read(path.read_text()) == {("evergrow_usd_total", (("model", "m"),)): 0.5}


def test_nothing_is_written_by_default(fake_endpoint: FakeEndpoint, ledger: Ledger, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}

    ask(settings(), ledger, requests(5))

    assert {path.name for path in tmp_path.iterdir()} - before <= {"ledger.sqlite-wal", "ledger.sqlite-shm"}


def test_labels_are_escaped() -> None:
    text = exposition({("evergrow_usd_total", (("model", 'a"b\\c\nd'),)): 0.5})

    assert 'evergrow_usd_total{model="a\\"b\\\\c\\nd"} 0.5\n' in text
