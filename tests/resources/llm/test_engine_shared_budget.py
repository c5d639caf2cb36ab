"""Limits that several processes share: never exceeded together, and left to the others when one is killed."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from evergrow.resources.ledger import Ledger
from tests.command import answer, begun
from tests.conftest import FakeEndpoint
from tests.world.zygote import Child, Zygote

PROGRAM = """
import json, sys
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Attribution
from tests.resources.llm.support import ask, requests, settings
url, ledger_url, name, batch, budget, places = sys.argv[1:]
chosen = settings(
    {"base_url": url, "concurrency": int(places)}, roles={"generator": {"max_tokens": 300}},
    prices={"model-1": {"input": 2.5, "output": 10.0}}, budget=json.loads(budget),
)
ledger = Ledger.open(ledger_url)
who = Attribution(run_id=name, asset="a", partition="p", batch=batch)
asked = ask(chosen, ledger, requests(1000, system=name), who=who)
ledger.close()
print(json.dumps({"answered": len(asked.of(Answered)), "error": str(asked.error)}))
"""
TOKENS, USD = {"max_tokens": 40_000}, {"max_usd": 0.12}


class Processes:
    """Starts runs, each a process of its own."""

    def __init__(self, zygote: Zygote, endpoint: FakeEndpoint, ledger_url: str, folder: Path) -> None:
        self._zygote, self._endpoint, self._ledger_url, self._folder = zygote, endpoint, ledger_url, folder

    def start(self, name: str, budget: dict[str, Any], batch: str = "", places: int = 8) -> Child:
        told = [self._endpoint.url, self._ledger_url, name, batch or name, json.dumps(budget), str(places)]
        return begun(self._zygote, PROGRAM, *told, folder=self._folder)


@pytest.fixture
def processes(zygote: Zygote, fake_endpoint: FakeEndpoint, ledger_url: str, tmp_path: Path) -> Processes:
    return Processes(zygote, fake_endpoint, ledger_url, tmp_path)


def wait_for_requests(endpoint: FakeEndpoint, count: int) -> None:
    deadline = time.monotonic() + 240
    while endpoint.stats()["requests"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("scope", "limit"), [("month", TOKENS), ("month", USD), ("batch", TOKENS)])
def test_processes_that_share_a_limit_never_exceed_it_together_and_use_it_up(
    processes: Processes, fake_endpoint: FakeEndpoint, ledger_url: str, scope: str, limit: dict[str, Any]
) -> None:
    fake_endpoint.control(latency=0.1)
    budget, batch = ({"month": limit}, "") if scope == "month" else (limit, "shared")

    both = [processes.start(name, budget, batch) for name in ("run-1", "run-2")]
    first, second = (answer(process) for process in both)

    for one in (first, second):
        assert f"budget reached: budget{'.month' if scope == 'month' else ''}.{next(iter(limit))}" in one["error"]
    ledger = Ledger.open(ledger_url)
    spent = ledger.costs.spent()
    assert spent.calls == first["answered"] + second["answered"] == fake_endpoint.stats()["requests"]
    if "max_tokens" in limit:
        assert 40_000 - 2_000 < spent.tokens == fake_endpoint.stats()["tokens"] <= 40_000
    else:
        assert 0.12 - 0.01 < spent.usd <= 0.12
    assert ledger.reservations.held("month").tokens == ledger.reservations.held("batch shared").tokens == 0
    ledger.close()


@pytest.mark.parametrize("limit", [TOKENS, USD])
def test_what_a_killed_process_held_may_be_spent_by_the_one_that_is_left(
    processes: Processes, fake_endpoint: FakeEndpoint, ledger_url: str, limit: dict[str, Any]
) -> None:
    fake_endpoint.control(latency=0.3)
    killed = processes.start("run-1", {"month": limit})
    wait_for_requests(fake_endpoint, 12)
    left = processes.start("run-2", {"month": limit})
    wait_for_requests(fake_endpoint, 30)

    killed.send_signal(signal.SIGKILL)  # and not waited for: it stays a zombie
    fake_endpoint.control(latency=0.02)
    other = answer(left)
    killed.wait()

    assert "budget reached: budget.month" in other["error"]
    ledger = Ledger.open(ledger_url)
    spent = ledger.costs.spent()
    if "max_tokens" in limit:
        assert 40_000 - 2_000 < spent.tokens <= 40_000
    else:
        assert 0.12 - 0.01 < spent.usd <= 0.12
    ledger.close()


def test_what_was_in_flight_at_each_kill_counts_so_that_no_crash_loop_overspends(
    processes: Processes, fake_endpoint: FakeEndpoint, ledger_url: str
) -> None:
    fake_endpoint.control(latency=0.5)
    limit, crashes = 4_000, 0  # one or two requests of 300 tokens and more are in flight at each
    while crashes < 12:
        before = fake_endpoint.stats()["requests"]
        process = processes.start(f"run-{crashes}", {"max_tokens": limit}, "looped", places=2)
        deadline = time.monotonic() + 240
        while fake_endpoint.stats()["requests"] == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        crashes += 1

    assert "budget reached: budget.max_tokens" in answer(process)["error"]
    assert 2 <= crashes < 12
    ledger = Ledger.open(ledger_url)
    costs = ledger.costs.grouped(group_by=("batch",))
    assert ledger.costs.spent().tokens <= limit
    assert costs["unsettled_tokens"][0] > 0
    assert costs["tokens_in"][0] == 0  # nothing came back of what was paid
    ledger.close()
