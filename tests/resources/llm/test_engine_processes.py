"""What holds when processes are killed, and when several share a ledger."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger
from tests.command import answer, begun
from tests.conftest import FakeEndpoint
from tests.world.zygote import Child, Zygote

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


Start = Callable[..., Child]


@pytest.fixture
def start(zygote: Zygote, fake_endpoint: FakeEndpoint, tmp_path: Path) -> Start:
    """Starts a run of so many requests, a process of its own, on a ledger of that name."""

    def run(ledger: str, count: int, run: str = "run") -> Child:
        told = (fake_endpoint.url, f"sqlite:///{tmp_path / ledger}", str(count), run)
        return begun(zygote, PROGRAM, *told, folder=tmp_path)

    return run


def rows_of(process: Child) -> list[list[str]]:
    return [list(row) for row in answer(process)["rows"]]


def test_a_killed_run_asks_again_only_what_was_in_flight(
    start: Start, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    fake_endpoint.control(latency=0.03)
    unbroken = rows_of(start("unbroken.sqlite", 400))
    fake_endpoint.control(reset=True)

    process = start("ledger.sqlite", 400)
    while fake_endpoint.stats()["requests"] < 200:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = rows_of(start("ledger.sqlite", 400))

    assert resumed == unbroken
    stats = fake_endpoint.stats()
    assert stats["distinct"] == 400
    assert stats["repeated"] <= CONCURRENCY
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    assert ledger.costs.spent().calls == 400
    ledger.close()


def test_two_processes_share_a_ledger_and_each_has_every_answer(
    start: Start, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    fake_endpoint.control(latency=0.02)

    both = [start("ledger.sqlite", 600, run) for run in ("run-1", "run-2")]
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


def test_a_full_disk_ends_the_run_at_once_and_the_next_run_goes_on(
    start: Start, zygote: Zygote, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    full = begun(zygote, FULL_DISK, fake_endpoint.url, url, folder=tmp_path)
    assert full.wait(240) == 0, full.said

    assert "then repeat the command: what was saved stays" in full.said
    asked = fake_endpoint.stats()["requests"]
    assert asked < 2000
    ledger = Ledger.open(url)
    assert asked - ledger.costs.spent().calls <= 2 * 64
    ledger.close()
    assert len(rows_of(start("ledger.sqlite", asked))) == asked
    assert fake_endpoint.stats()["repeated"] <= 2 * 64
