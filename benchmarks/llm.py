"""How fast the LLM engine is: requests per second, CPU per request, memory, stray rate limits, a kill, a repetition.

Run `python -m benchmarks.llm` (some minutes; `--quick` asks 5,000 requests only, `--large` adds 200,000) in the
project's environment. The endpoint is the tests' fake one, in a process of its own; each measurement is a process of
its own too, so that CPU and memory are the engine's alone. The ledger, SQLite on disk, and a budget are always on. The
same bodies sent by bare aiohttp, which keeps and checks nothing, show what cannot be saved. Both are measured beside an
endpoint that costs next to nothing as well (`benchmarks.plain_endpoint`), for where processors are few the fake one
is what they are busy with. One core carries as many requests as their processor time fits into its second.

Stray refusals are compared with a simulation of a perfect client that meets the very same ones: it sends each request
again the moment its Retry-After is over, before anything new. What it takes beyond the time without refusals is the
floor: requests that are refused last wait out their Retry-After alone.
"""

import argparse
import asyncio
import hashlib
import heapq
import importlib
import json
import logging
import math
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from evergrow.resources.host.memory import set_loaded_aside
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Answered, Attribution, Engine, Request
from evergrow.resources.llm.capabilities import capabilities_of
from evergrow.resources.llm.rendering import AskedAnswer, body
from evergrow.resources.settings import load_settings
from tests.fake_endpoint.faults import Faults

ROOT = Path(__file__).parent.parent
CONCURRENCY = 128
LATENCY_S = 0.1
SCHEMA = {
    "title": "answer",
    "type": "object",
    "properties": {"question": {"type": "string"}},
    "required": ["question"],
    "additionalProperties": False,
}


def requests(count: int, start: int = 0) -> Iterator[Request]:
    """`count` prompts of about 200 tokens, the first of them number `start`."""
    body = "Consider how the parts of this system fit together, and what a reader has to know. " * 9
    for number in range(start, start + count):
        yield Request(f"r{number}", "generator", "You write tasks.", f"{body} Task {number}.", SCHEMA)


async def ask(url: str, ledger: Ledger, count: int, start: int) -> int:
    """Ask `count` requests from number `start`; the number of answers."""
    endpoint = {"base_url": url, "concurrency": CONCURRENCY}
    budget = {"max_tokens": 10**12}
    settings = load_settings({"model": "model-1", "endpoints": {"default": endpoint}, "budget": budget})
    who = Attribution("benchmark", "benchmark", "benchmark", "benchmark")
    answered = 0
    async with Engine.open(settings, ledger, who, LogProgress(logging.getLogger())) as engine:
        async for outcome in engine.ask(requests(count, start), lambda answer: answer, label="benchmark", total=count):
            answered += isinstance(outcome, Answered)
    return answered


def bodies(count: int) -> Iterator[bytes]:
    """What the engine sends for `count` requests."""
    settings = load_settings({"model": "model-1"})
    role, endpoint = settings.role("generator"), settings.endpoints["default"]
    asked = AskedAnswer(capabilities_of(endpoint), 0, None)
    return (body(request, role, endpoint, asked).encode() for request in requests(count))


async def ask_bare(url: str, count: int) -> int:
    """Send what the engine would send, by aiohttp alone; the number of answers."""
    import aiohttp  # noqa: PLC0415 - as the engine does, when something is to be sent

    sent = bodies(count)
    headers = {"Content-Type": "application/json"}

    async def some(session: aiohttp.ClientSession) -> int:
        answered = 0
        for one in sent:
            async with session.post(f"{url}/chat/completions", data=one, headers=headers) as response:
                answered += "choices" in json.loads(await response.read())
        return answered

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session:
        return sum(await asyncio.gather(*(some(session) for _ in range(CONCURRENCY))))


def measure(url: str, path: str, count: int, start: int) -> None:
    """The child's side: ask, and print what it took as JSON; without a ledger by aiohttp alone."""
    importlib.import_module("evergrow.resources.llm.transport")  # once a process, however much is asked
    set_loaded_aside()  # as a run does
    ledger = Ledger.open(f"sqlite:///{path}") if path else None
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    answered = asyncio.run(ask(url, ledger, count, start) if ledger else ask_bare(url, count))
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {"answered": answered, "wall_s": wall, "cpu_s": cpu, "rss_mb": after.ru_maxrss / 1024}
    print(json.dumps(figures))


def child(url: str, ledger: Path | None, count: int, start: int = 0) -> "subprocess.Popen[str]":
    """A process that measures; without a ledger, bare aiohttp."""
    command = [sys.executable, "-m", "benchmarks.llm", "--child", url, str(ledger or ""), str(count), str(start)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def figures_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a child printed."""
    output, _ = process.communicate()
    return dict(json.loads(output))


class Endpoint:
    """An endpoint in a process of its own: the fake one, or one that costs next to nothing and has no faults."""

    def __init__(self, *, plain: bool = False) -> None:
        module = ["benchmarks.plain_endpoint"] if plain else ["tests.fake_endpoint", "--with-parent"]
        command = [sys.executable, "-m", *module, "--latency", str(LATENCY_S)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url, self._root = ready["url"], ready["root"]

    def control(self, **faults: object) -> None:
        """Set faults and forget what was asked."""
        body = json.dumps({"reset": True, **faults}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self._root}/_control", body, method="POST")).close()

    def stats(self) -> dict[str, Any]:
        """What was asked."""
        with urllib.request.urlopen(f"{self._root}/_stats") as answer:
            return dict(json.load(answer))

    def cpu_s(self) -> float:
        """Processor seconds of its process so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def throughput(endpoint: Endpoint, folder: Path, count: int) -> list[list[str]]:
    """Rows for `count` requests by aiohttp alone and by the engine, and for the same run once it is finished."""
    endpoint.control()
    bare = figures_of(child(endpoint.url, None, count))
    endpoint.control()
    ledger, took = folder / f"{count}.sqlite", endpoint.cpu_s()
    first = figures_of(child(endpoint.url, ledger, count))
    took = endpoint.cpu_s() - took
    again = figures_of(child(endpoint.url, ledger, count))
    sent = endpoint.stats()["requests"]
    ledger.unlink()
    return [
        timed(f"bare aiohttp {count:,} requests", count, bare, f"{bare['answered']:,} answered"),
        timed(f"ask {count:,} requests", count, first, beside(bare, first, took / count)),
        timed(f"repeat {count:,} requests", count, again, f"{sent - count} sent again"),
    ]


def unhindered(folder: Path, count: int) -> list[list[str]]:
    """Rows for `count` requests by aiohttp alone and by the engine, to an endpoint that takes hardly any processor."""
    endpoint = Endpoint(plain=True)
    try:
        bare = figures_of(child(endpoint.url, None, count))
        ledger, took = folder / "plain.sqlite", endpoint.cpu_s()
        first = figures_of(child(endpoint.url, ledger, count))
        took = endpoint.cpu_s() - took
    finally:
        endpoint.close()
    ledger.unlink()
    return [
        timed(f"plain endpoint: bare aiohttp {count:,}", count, bare, f"{bare['answered']:,} answered"),
        timed(f"plain endpoint: ask {count:,}", count, first, beside(bare, first, took / count)),
    ]


def timed(label: str, count: int, figures: dict[str, Any], note: str) -> list[str]:
    """A row of `count` requests."""
    wall, cpu = figures["wall_s"], figures["cpu_s"]
    numbers = (f"{wall:.1f} s", f"{count / wall:,.0f}/s", f"{1000 * cpu / count:.2f} ms", f"{count / cpu:,.0f}/s")
    return [label, *numbers, f"{figures['rss_mb']:.0f} MB", note]


def beside(bare: dict[str, Any], first: dict[str, Any], endpoint_s: float) -> str:
    """How the engine compares with aiohttp, and what the endpoint took for a request, in processor seconds."""
    times = first["cpu_s"] / bare["cpu_s"]
    return f"{first['answered']:,} answered; {times:.1f} x aiohttp's CPU; endpoint {1000 * endpoint_s:.2f} ms"


def perfect(count: int, seconds: float, refused: Callable[[int, int], bool], retry_after_s: float) -> float:
    """Seconds that `count` requests take at the least, each `seconds` long.

    refused: whether the attempt (from 1 on) of the request of that number is.
    """
    now, new = 0.0, 0
    again: list[tuple[float, int, int]] = []  # refused: when it may be sent again, which request, which attempt
    busy: list[tuple[float, int, int]] = []  # under way: when it ends, which request, which attempt
    while new < count or again or busy:
        while len(busy) < CONCURRENCY and (new < count or (again and again[0][0] <= now)):
            if again and again[0][0] <= now:
                _, number, attempt = heapq.heappop(again)
            else:
                number, attempt, new = new, 1, new + 1
            heapq.heappush(busy, (now + seconds, number, attempt))
        now = min(busy[0][0] if busy else math.inf, again[0][0] if again and len(busy) < CONCURRENCY else math.inf)
        while busy and busy[0][0] <= now:
            _, number, attempt = heapq.heappop(busy)
            if refused(number, attempt):
                heapq.heappush(again, (now + retry_after_s, number, attempt + 1))
    return now


def stray_refusals(endpoint: Endpoint, folder: Path, count: int) -> list[str]:
    """A row for 5 % stray 429s, each with Retry-After 1, against the time without."""
    endpoint.control()
    calm = figures_of(child(endpoint.url, folder / f"calm{count}.sqlite", count))["wall_s"]
    faults: dict[str, Any] = {"share": {"429": 0.05}, "by_seed": 0}
    endpoint.control(**faults, retry_after=1)
    stray = figures_of(child(endpoint.url, folder / f"stray{count}.sqlite", count))
    refusals = endpoint.stats()["outcomes"]["429"]
    endpoint.control(share={}, by_seed=None)
    digests = [hashlib.blake2b(one, digest_size=8).digest() for one in bodies(count)]
    drawn = Faults(**faults)

    def refused(number: int, attempt: int) -> bool:
        return drawn.pick(random.Random(0), digests[number], attempt) is not None

    wall, each = stray["wall_s"], calm * CONCURRENCY / count
    floor = perfect(count, each, refused, 1.0) / perfect(count, each, lambda *_: False, 1.0)
    fastest = perfect(count, LATENCY_S, refused, 1.0) / perfect(count, LATENCY_S, lambda *_: False, 1.0)
    note = f"{wall / calm:.2f} x the time without, {floor:.2f} at the least ({fastest:.2f} with nothing in the way)"
    return timed(f"ask {count:,} with 5 % stray 429", count, stray, f"{note}; {refusals} refusals")


def side_by_side(endpoint: Endpoint, folder: Path, count: int) -> list[str]:
    """A row for two engines in processes of their own that share a ledger and a budget, half of the requests each."""
    endpoint.control()
    shared, half = folder / "shared.sqlite", count // 2
    started = time.perf_counter()
    both = [child(endpoint.url, shared, half, start) for start in (0, half)]
    figures = [figures_of(process) for process in both]
    whole = {name: sum(f[name] for f in figures) for name in figures[0]} | {"wall_s": max(f["wall_s"] for f in figures)}
    note = f"{whole['answered']:,} answered, {time.perf_counter() - started:.1f} s with both starts"
    return timed(f"ask {count:,} in two processes", count, whole, note)


def killed(endpoint: Endpoint, folder: Path, count: int) -> list[str]:
    """A row for `kill -9` at half and a second run."""
    endpoint.control()
    process = child(endpoint.url, folder / "killed.sqlite", count)
    while endpoint.stats()["requests"] < count // 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    resumed = figures_of(child(endpoint.url, folder / "killed.sqlite", count))
    stats = endpoint.stats()
    rows = Ledger.open(f"sqlite:///{folder / 'killed.sqlite'}").costs.spent().calls
    note = f"{stats['repeated']} sent again of {CONCURRENCY} in flight, {rows:,} rows, {resumed['answered']:,} answered"
    return [f"ask {count:,}, kill -9 at half, run again", f"{resumed['wall_s']:.1f} s", "", "", "", "", note]


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5,000 requests only")
    parser.add_argument("--large", action="store_true", help="also 200,000 requests")
    parser.add_argument("--child", nargs=4, metavar=("URL", "LEDGER", "COUNT", "START"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.child[0], options.child[1], int(options.child[2]), int(options.child[3]))
        return
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    title = f"LLM engine: {CONCURRENCY} in flight, {1000 * LATENCY_S:.0f} ms each, ledger on SQLite ({machine})"
    table = Table("what", "wall", "rate", "CPU per request", "one core carries", "peak memory", "", title=title)
    endpoint = Endpoint()
    try:
        with tempfile.TemporaryDirectory() as folder:
            more = [] if options.quick else [50_000, 200_000] if options.large else [50_000]
            for count in (5_000, *more):
                for row in throughput(endpoint, Path(folder), count):
                    table.add_row(*row)
            for row in unhindered(Path(folder), 5_000):
                table.add_row(*row)
            for count in (5_000, *([] if options.quick else [20_000])):
                table.add_row(*stray_refusals(endpoint, Path(folder), count))
            table.add_row(*side_by_side(endpoint, Path(folder), 5_000))
            table.add_row(*killed(endpoint, Path(folder), 5_000))
    finally:
        endpoint.close()
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
