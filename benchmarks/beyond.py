"""A team's platform on loopback, and what it makes: `python -m benchmarks.beyond --batches 16 --trees 4 --workers 2`.

PostgreSQL holds storage and ledger, an S3-compatible server the lake, a Ray cluster of so many workers with a core
each executes the runs that the sensors of `evergrow ui` start; nothing else is shared. One batch is bad. Then further
batches are begun under a budget that is too small for them, and the same is made by one process on SQLite and a folder.

It prints batches an hour and requests a second, and ends with 1 if anything does not hold: equal rows of both ways, a
gate that stays closed, no request paid twice, a budget that is not overrun, work for every worker.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import yaml

from evergrow.assets.names import COLLECTED, SAMPLES, shard_partition, stage_key
from evergrow.cli.main import main as evergrow
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.lake.readable import GateClosed
from evergrow.resources.lake.versions import latest_materialization
from tests.command import until
from tests.conftest import ROOT, FakeEndpoint
from tests.live import Live, free_port, live
from tests.object_store import BUCKET, ObjectStore, variables
from tests.platform import LENIENT, Platform, functions
from tests.resources.conftest import postgres
from tests.test_two_homes import empty_databases

PATIENCE_S = 3_000.0
OF_A_RUN = ("run_id", "call_id", "judge_call_id")
JUDGED = stage_key(1, "complexity")
STORE_BYTES = 80_000_000  # bytes of Ray's own object store, which evergrow does not use


@dataclass(frozen=True)
class TeamSize:
    """How much is made, and how long an answer takes."""

    batches: int
    seeds: int
    rounds: int
    trees: int
    latency: float
    concurrency: int

    @property
    def names(self) -> list[str]:
        """The batches that are sound."""
        return [f"batch-{number}" for number in range(self.batches - 1)]

    @property
    def settings(self) -> dict[str, Any]:
        """Of both ways: sensors ask nothing again, so that a closed gate or a budget is an end."""
        return {
            **LENIENT,
            "evolution": {"rounds": self.rounds, "children": 2, "margin": -10},
            "treesynth": {"max_depth": 1, "shards": 1, "adherence_rows": 0, "sample_similarity": 1.0},
            "endpoints": {"default": {"concurrency": self.concurrency}},
            "sensors": {"interval_s": 1, "retries": 0},
        }


@dataclass
class Findings:
    """What does not hold, as it is found."""

    faults: list[str] = field(default_factory=list)

    def hold(self, what: str, *, holds: bool) -> None:
        """Print whether something holds."""
        say(f"{'holds' if holds else 'DOES NOT HOLD'}: {what}")
        if not holds:
            self.faults.append(what)


def main() -> int:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=3, help="how many, the bad one among them")
    parser.add_argument("--seeds", type=int, default=2, help="of a batch")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trees", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds an answer")
    parser.add_argument("--concurrency", type=int, default=64, help="requests that a worker has in flight")
    parser.add_argument("--workers", type=int, nargs="+", default=[2], help="of each cluster, one after the other")
    parser.add_argument("--quick", action="store_true", help="measure only: no run on one machine, no budget")
    given = parser.parse_args()
    size = TeamSize(given.batches, given.seeds, given.rounds, given.trees, given.latency, given.concurrency)
    found = Findings()
    for workers in given.workers:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evergrow-beyond-")))
            measure(stack, folder, size, workers, found, quick=given.quick)
    return 1 if found.faults else 0


def measure(stack: ExitStack, folder: Path, size: TeamSize, workers: int, found: Findings, *, quick: bool) -> None:
    """Grow everything on a cluster, print how long it took, and hold it against what one machine makes."""
    config, home = folder / "evergrow.yaml", folder / "team"
    config.write_text(yaml.safe_dump(size.settings))
    endpoint = FakeEndpoint(latency=size.latency)
    stack.callback(endpoint.kill)
    os.environ |= {"EVERGROW_CONFIG": str(config), "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none"}
    with team(folder, home, workers) as instance:
        register(folder, size)
        with live(home) as ui:
            wait_for_end(instance, size, ui)
            span, requests = span_of(instance), endpoint.stats()["requests"]
            rates = f"{3600 * size.batches / span:,.0f} batches/h, {requests / span:.1f} requests/s"
            what = f"{size.batches} batches, {size.trees} trees, {requests:,} requests"
            say(f"{workers} workers: {what} in {span:,.0f} s: {rates}")
            far = tables(Platform(instance, {}), size)
            check(instance, endpoint, size, workers, home, found)
            if not quick:
                check_budget(folder, instance, endpoint, size, ui, found)
    if not quick:
        os.environ["EVERGROW_HOME"] = str(folder / "alone")
        config.write_text(yaml.safe_dump(size.settings))
        near = alone(folder, size)
        differing = [name for name in far if not same(far[name], near[name])]
        found.hold(f"{len(far)} tables are those of one machine; differing: {differing}", holds=not differing)


@contextmanager
def team(folder: Path, home: Path, workers: int) -> Iterator[dg.DagsterInstance]:
    """An instance of deploy/ on a database server, a store and a cluster of its own; it is told by the environment."""
    with ExitStack() as stack:
        urls = empty_databases(stack.enter_context(postgres()))
        store = ObjectStore()
        stack.callback(store.close)
        os.environ |= {
            **variables(store.url),
            "EVERGROW_LEDGER_URL": urls["two_homes"],
            "EVERGROW_LAKE_URL": f"s3://{BUCKET}/evergrow",
            "EVERGROW_HOME": str(folder / "nowhere"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # jobs call `dagster`
        }
        os.environ["RAY_ADDRESS"] = stack.enter_context(cluster(workers))
        for each in (home, folder / "worker"):  # as every machine has it
            (each / "dagster").mkdir(parents=True)
            (each / "dagster" / "dagster.yaml").write_text(
                yaml.safe_dump(instance_of(urls, folder / "worker", workers))
            )
        os.environ["EVERGROW_HOME"] = str(home)
        yield stack.enter_context(dg.DagsterInstance.from_config(str(home / "dagster")))
        for name in ("EVERGROW_LEDGER_URL", "EVERGROW_LAKE_URL"):
            del os.environ[name]


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """A cluster on this host: a head that works on nothing, and workers of one core each; the URL that takes jobs."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415 - an extra

    port = free_port()
    head = {"num_cpus": 0, "include_dashboard": True, "dashboard_port": port, "dashboard_host": "127.0.0.1"}
    started = Cluster(initialize_head=True, head_node_args={**head, "object_store_memory": STORE_BYTES})
    try:
        for _ in range(workers):
            started.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield f"http://127.0.0.1:{port}"
    finally:
        started.shutdown()


def instance_of(urls: Mapping[str, str], away: Path, workers: int) -> dict[str, object]:
    """The configuration of deploy/, on these databases, whose so many workers have a home of their own."""
    found: dict[str, Any] = {}
    for name in ("dagster.yaml", "ray.yaml"):
        found |= yaml.safe_load((ROOT / "deploy" / name).read_text())
    url = urls["two_homes_dagster"].replace("+psycopg:", "+psycopg2:")
    found["storage"] = {"postgres": {"postgres_url": url}}  # this server has no port
    found["concurrency"]["runs"]["max_concurrent_runs"] = workers  # as ray.yaml says
    ray = found["run_launcher"]["config"]["ray"]
    ray["env_vars"] = [name for name in ray["env_vars"] if name in os.environ and name != "EVERGROW_HOME"]
    ray["env_vars"] += [f"EVERGROW_HOME={away}", "EVERGROW_CONFIG"]
    return found


def register(folder: Path, size: TeamSize) -> None:
    """Register all batches and trees, and have the sensors take them on."""
    for number, name in enumerate((*size.names, "bad")):
        add(folder, name, number, size)
    command("recipe", "set", "bad", "gates.complexity.min_mean=10")
    for name in trees(size):
        command("tree", "add", name, *of_tree())
    for name in (*size.names, "bad", *trees(size)):
        command("recipe", "set", name, "automate=rounds")


def add(folder: Path, name: str, number: int, size: TeamSize) -> None:
    """Register a batch of seeds that no other one has."""
    path = folder / f"{name}.jsonl"
    functions((number + 1) * size.seeds).frame[number * size.seeds :].select("content").write_ndjson(path)
    command("seeds", "add", str(path), "--batch", name)


def trees(size: TeamSize) -> list[str]:
    """Names of the trees."""
    return [f"tree-{number}" for number in range(size.trees)]


def of_tree() -> tuple[str, ...]:
    """What is asked of a tree."""
    return ("--domain", "customer_support", "--rows", "6", "--max-depth", "1")


def wanted(size: TeamSize) -> list[tuple[dg.AssetKey, str]]:
    """The tables that are the end of everything sound."""
    samples = [(SAMPLES, shard_partition(name, "s00")) for name in trees(size)]
    return [*((COLLECTED, name) for name in size.names), *samples]


def wait_for_end(instance: dg.DagsterInstance, size: TeamSize, ui: Live) -> None:
    """Wait until all is made that can be, and nothing runs."""
    for key, partition in (*wanted(size), (JUDGED, "bad")):
        until(lambda k=key, p=partition: made(instance, k, p), ui.said, 0.5, PATIENCE_S)  # type: ignore[misc]
    until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), ui.said, 0.5, PATIENCE_S)


def made(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> bool:
    """Whether a table is there."""
    return latest_materialization(instance, key, partition) is not None


def span_of(instance: dg.DagsterInstance) -> float:
    """From the creation of the first run to the end of the last one, s."""
    records = instance.get_run_records()
    return max(r.end_time or 0.0 for r in records) - min(r.create_timestamp.timestamp() for r in records)


def tables(platform: Platform, size: TeamSize) -> dict[str, pl.DataFrame]:
    """The tables that are the end of everything sound, through their gates."""
    return {f"{key.to_user_string()} {name}": platform.table(key, name) for key, name in wanted(size)}


def check(
    instance: dg.DagsterInstance, endpoint: FakeEndpoint, size: TeamSize, workers: int, home: Path, found: Findings
) -> None:
    """Hold the gate, the money, the workers and their disks against what they should be."""
    platform, stats = Platform(instance, {}), endpoint.stats()
    try:
        platform.table(JUDGED, "bad")
        closed = False
    except GateClosed:
        closed = True
    closed &= not made(instance, stage_key(2, "instructions"), "bad") and not made(instance, COLLECTED, "bad")
    found.hold("the bad batch is held at its gate", holds=closed)
    spent = sum(platform.spent(name).calls for name in (*size.names, "bad", *trees(size)))
    found.hold(f"{stats['requests']:,} requests are {spent:,} rows of the ledger", holds=spent == stats["requests"])
    found.hold(f"{stats['repeated']} requests were paid twice", holds=stats["repeated"] == 0)
    failed = [r.job_name for r in instance.get_runs() if r.status != dg.DagsterRunStatus.SUCCESS]
    found.hold(f"only the bad batch's run failed: {failed}", holds=failed == ["round_01"])
    nodes = nodes_of(os.environ["RAY_ADDRESS"])
    found.hold(f"runs by worker: {sorted(nodes.values())}", holds=len(nodes) == workers)
    state = {".sqlite", ".parquet", ".db", ".arrow"}
    kept = [
        p for p in (home, home.parent / "worker") for p in p.rglob("*") if p.suffix in state and "copies" not in p.parts
    ]
    found.hold(f"no state lies on a disk of the workers or the daemon: {kept}", holds=not kept)


def nodes_of(address: str) -> dict[str, int]:
    """How many jobs each node of a cluster had."""
    from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - an extra

    nodes = [str(job.driver_node_id) for job in JobSubmissionClient(address).list_jobs()]
    return {node: nodes.count(node) for node in set(nodes)}


def check_budget(
    folder: Path, instance: dg.DagsterInstance, endpoint: FakeEndpoint, size: TeamSize, ui: Live, found: Findings
) -> None:
    """Begin batches under a budget of this month that is enough for half of them."""
    before = int(endpoint.stats()["tokens"])
    a_batch = before // (size.batches + size.trees)
    budget = before + int(1.5 * a_batch) + 20_000  # what a few requests reserve
    settings = {**size.settings, "budget": {"month": {"max_tokens": budget}}}
    (folder / "evergrow.yaml").write_text(yaml.safe_dump(settings))
    names = [f"more-{number}" for number in range(3 + 20_000 // max(a_batch, 5_000))]
    for number, name in enumerate(names):
        add(folder, name, 1_000 + number, size)
        command("recipe", "set", name, "automate=rounds")

    def ended() -> bool:
        runs = [instance.get_runs(dg.RunsFilter(tags={"evergrow/batch": name}), limit=1) for name in names]
        failed = [bool(found) and found[0].status == dg.DagsterRunStatus.FAILURE for found in runs]
        return all(f or made(instance, COLLECTED, n) for f, n in zip(failed, names, strict=True))

    until(ended, ui.said, 0.5, PATIENCE_S)
    stats = endpoint.stats()
    used = int(stats["tokens"])
    finished = [name for name in names if made(instance, COLLECTED, name)]
    share = f"{len(finished)} of {len(names)} batches were finished"
    what = f"of a budget of {budget - before:,} tokens {used - before:,} were used, {share}"
    found.hold(what, holds=before < used <= budget and len(finished) < len(names))
    found.hold(f"{stats['repeated']} requests were paid twice", holds=stats["repeated"] == 0)


def alone(folder: Path, size: TeamSize) -> dict[str, pl.DataFrame]:
    """The same tables, made by one process with SQLite and a folder."""
    begun = time.monotonic()
    for name in size.names:
        command("seeds", "add", str(folder / f"{name}.jsonl"), "--batch", name)
        command("run", "--batch", name)
    for name in trees(size):
        command("tree", "grow", name, *of_tree())
    say(f"one process, without the bad batch: {time.monotonic() - begun:,.0f} s")
    with dg.DagsterInstance.from_config(str(folder / "alone" / "dagster")) as instance:
        return tables(Platform(instance, {}), size)


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two tables hold the same rows, but for which run and request made them."""
    columns = [name for name in one.columns if name not in OF_A_RUN]
    return one.select(columns).sort("id").equals(other.select(columns).sort("id")) and not one.is_empty()


def command(*arguments: str) -> None:
    """Do what a user would.

    Raises:
        SystemExit: it fails.
    """
    if code := evergrow([*arguments]):
        raise SystemExit(f"evergrow {' '.join(arguments)} ended with {code}")


def say(line: str) -> None:
    """Print at once: a run may take an hour."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
