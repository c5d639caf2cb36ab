"""Workers on one database, one object store and one endpoint: `python -m benchmarks.workers --workers 1 2 4`.

Each worker is a process with a home of its own that evolves its share of the batches, one after another, with so many
requests in flight; ledger and event log are on PostgreSQL, the lake on an S3-compatible server. The endpoint takes so
long for an answer that it is the limit, not this machine: how near the rates come to twice and four times those of one
worker says what is lost by sharing. Workers are warm: each has evolved a batch before, which is not counted.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.beyond import command, say
from tests.conftest import FakeEndpoint
from tests.object_store import BUCKET, ObjectStore, forget_clients, variables
from tests.platform import LENIENT, functions
from tests.resources.conftest import postgres
from tests.test_two_homes import empty_databases, home_on

GO = "go\n"


@dataclass(frozen=True)
class Load:
    """What all workers together have to do."""

    batches: int
    seeds: int
    latency: float
    concurrency: int

    @property
    def settings(self) -> dict[str, object]:
        """One round of two children a seed."""
        return {
            **LENIENT,
            "evolution": {"rounds": 1, "children": 2, "margin": -10},
            "endpoints": {"default": {"concurrency": self.concurrency}},
        }


def main() -> int:
    """Parse the command line, and print a line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--batches", type=int, default=4, help="of all workers together")
    parser.add_argument("--seeds", type=int, default=2, help="of a batch; four requests each")
    parser.add_argument("--latency", type=float, default=8.0, help="seconds an answer")
    parser.add_argument("--concurrency", type=int, default=1, help="requests that a worker has in flight")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return 0
    load = Load(given.batches, given.seeds, given.latency, given.concurrency)
    first = 0.0
    for workers in given.workers:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evergrow-workers-")))
            span, requests, repeated = measure(stack, folder, workers, load)
        first = first or span
        rates = f"{3600 * load.batches / span:,.0f} batches/h, {requests / span:.2f} requests/s"
        loads = "/".join(f"{one:.0f}" for one in os.getloadavg())
        say(f"{workers} workers: {load.batches} batches, {requests} requests, {repeated} sent twice, in {span:,.0f} s: "
            f"{rates}, {first / span:.2f} x the first line (load {loads})")  # fmt: skip
    return 0


def measure(stack: ExitStack, folder: Path, workers: int, load: Load) -> tuple[float, int, int]:
    """Seconds that so many workers take, and their requests: all, and those that were sent twice."""
    endpoint, store = FakeEndpoint(), ObjectStore()
    stack.callback(endpoint.kill)
    stack.callback(store.close)
    urls = empty_databases(stack.enter_context(postgres()))
    config = folder / "evergrow.yaml"
    config.write_text(yaml.safe_dump(load.settings))
    os.environ |= {
        **variables(store.url),
        "EVERGROW_LEDGER_URL": urls["two_homes"],
        "EVERGROW_LAKE_URL": f"s3://{BUCKET}/evergrow",
        "EVERGROW_CONFIG": str(config),
        "OPENAI_BASE_URL": endpoint.url,
        "OPENAI_API_KEY": "none",
    }
    forget_clients()  # of the store before
    homes = [home_on(urls, folder / f"worker-{number}") for number in range(workers)]
    os.environ["EVERGROW_HOME"] = str(homes[0])
    names = [f"batch-{number}" for number in range(load.batches)]
    for number, name in enumerate((*names, *(f"warm-{number}" for number in range(workers)))):
        path = folder / f"{name}.jsonl"
        functions((number + 1) * load.seeds).frame[number * load.seeds :].select("content").write_ndjson(path)
        command("seeds", "add", str(path), "--batch", name)
    running = [
        stack.enter_context(worker(home, [f"warm-{number}", *names[number::workers]]))
        for number, home in enumerate(homes)
    ]
    for process in running:
        wait_for(process, "ready")
    before = endpoint.stats()["requests"]
    endpoint.control(latency=load.latency)
    begun = time.monotonic()
    for process in running:
        assert process.stdin is not None
        process.stdin.write(GO)
        process.stdin.flush()
    for process in running:
        wait_for(process, "done")
    span, stats = time.monotonic() - begun, endpoint.stats()
    return span, stats["requests"] - before, stats["repeated"]


def worker(home: Path, names: list[str]) -> subprocess.Popen[str]:
    """A worker that evolves the first batch at once, and the others once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.workers", "--work", *names],
        env={**os.environ, "EVERGROW_HOME": str(home)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read what a worker says up to a line.

    Raises:
        SystemExit: it ends before.
    """
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise SystemExit(f"a worker has ended before it was {word}")


def work(names: list[str]) -> None:
    """What a worker does."""
    command("run", "--batch", names[0])
    say("ready")
    assert sys.stdin.readline() == GO
    for name in names[1:]:
        command("run", "--batch", name)
    say("done")


if __name__ == "__main__":
    sys.exit(main())
