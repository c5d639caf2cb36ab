"""What holds when processes are killed, and when several share a ledger."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from evergrow.resources.ledger import Ledger
from tests.conftest import ROOT, FakeEndpoint

CONCURRENCY = 32
PROGRAM = """
import json, sys
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Attribution
from tests.resources.llm.support import ask, requests, settings
url, ledger_url, count, run = sys.argv[1:]
who = Attribution(run_id=run, asset="a", partition="p", batch="b")
ledger = Ledger.open(ledger_url)
asked = ask(settings({"base_url": url, "concurrency": 32}), ledger, requests(int(count)), who=who)
rows = sorted((a.request.key, a.value, a.call_id) for a in asked.of(Answered))
assert all(ledger.call(call_id) for _, _, call_id in rows)
print(json.dumps({"rows": rows, "summary": asked.summary}))
"""


def start(endpoint: FakeEndpoint, ledger: Path, count: int, run: str = "run") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, endpoint.url, f"sqlite:///{ledger}", str(count), run]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}, stdout=subprocess.PIPE, text=True)


def rows_of(process: "subprocess.Popen[str]") -> list[list[str]]:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return [list(row) for row in json.loads(output)["rows"]]


def test_a_killed_run_asks_again_only_what_was_in_flight(fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    fake_endpoint.control(latency=0.03)
    unbroken = rows_of(start(fake_endpoint, tmp_path / "unbroken.sqlite", 400))
    fake_endpoint.control(reset=True)

    process = start(fake_endpoint, tmp_path / "ledger.sqlite", 400)
    while fake_endpoint.stats()["requests"] < 200:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = rows_of(start(fake_endpoint, tmp_path / "ledger.sqlite", 400))

    assert resumed == unbroken
    stats = fake_endpoint.stats()
    assert stats["distinct"] == 400
    assert stats["repeated"] <= CONCURRENCY
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert ledger.costs.spent().calls == 400
    ledger.close()


def test_two_processes_share_a_ledger_and_each_has_every_answer(fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    fake_endpoint.control(latency=0.02)

    both = [start(fake_endpoint, tmp_path / "ledger.sqlite", 600, run) for run in ("run-1", "run-2")]
    first, second = (rows_of(process) for process in both)

    assert [row[:2] for row in first] == [row[:2] for row in second]
    assert len(first) == 600
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert ledger.costs.spent().calls == fake_endpoint.stats()["requests"]
    assert ledger.costs.spent().tokens == fake_endpoint.stats()["tokens"]
    ledger.close()


FULL_DISK = """
import resource, sys
from evergrow.resources.ledger import Ledger, LedgerError
from tests.resources.llm.support import ask, requests, settings
ledger = Ledger.open(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
try:
    ask(settings({"base_url": sys.argv[1]}), ledger, requests(5000))
except LedgerError as error:
    print(error)
"""


def test_a_full_disk_ends_the_run_at_once_and_the_next_run_goes_on(fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    command = [sys.executable, "-c", FULL_DISK, fake_endpoint.url, url]
    environment = {**os.environ, "PYTHONPATH": "."}

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=240)

    assert "then repeat the command: what was saved stays" in result.stdout
    asked = fake_endpoint.stats()["requests"]
    assert asked < 2000
    ledger = Ledger.open(url)
    assert asked - ledger.costs.spent().calls <= 2 * 64
    ledger.close()
    assert len(rows_of(start(fake_endpoint, tmp_path / "ledger.sqlite", asked))) == asked
    assert fake_endpoint.stats()["repeated"] <= 2 * 64
