"""Thousands of batches registered, some at work: `python -m benchmarks.load --batches 2000 --trees 200 --working 20`.

A finished batch is multiplied (`benchmarks.reading`), trees are registered, and further batches are left to the sensors
of `evergrow ui`. While runs are at work it prints how long the pages of Dagster's UI wait for their answers, how long a
look of each sensor takes, what commands cost, and how many bytes of event log a run leaves, before and after pruning.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import dagster as dg
import polars as pl

from benchmarks.beyond import command
from benchmarks.reading import EVERGROW, cpu, make_home, multiply, variables
from evergrow.resources.host.pruning import prune
from tests.command import until
from tests.conftest import FakeEndpoint
from tests.live import Live, live
from tests.platform import functions

REPEATS = 5
AUTOMATED = {"EVERGROW_SENSORS__AUTOMATE": "rounds"}  # what is registered from then on
ACCEPTED = '{ assetNodeOrError(assetKey: {path: ["evolution", "round_01", "accepted"]}) { ... on AssetNode { %s } } }'
# What pages ask most.
PAGES = {
    "an asset's partitions": ACCEPTED
    % "partitionKeysByDimension { name partitionKeys } assetPartitionStatuses { ... on DefaultPartitionStatuses "
    "{ materializedPartitions failedPartitions unmaterializedPartitions } }",
    "one partition of it": ACCEPTED
    % 'latestMaterializationByPartition(partitions: ["b0007"]) { timestamp runId metadataEntries { label } }',
    "the asset graph": "{ assetNodes { assetKey { path } partitionStats { numMaterialized numPartitions } } }",
    "the latest runs": "{ runsOrError(limit: 30) { ... on Runs { results { runId status tags { key value } } } } }",
}
TICKS = (
    "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation { "
    "repositories { sensors { name sensorState { ticks(limit: 50) { timestamp endTimestamp status } } } } } } } } } }"
)


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=2000, help="finished ones")
    parser.add_argument("--trees", type=int, default=200, help="registered ones")
    parser.add_argument("--working", type=int, default=20, help="batches that the sensors take on meanwhile")
    parser.add_argument("--done", type=int, default=4, help="ends once so many runs have ended")
    parser.add_argument("--folder", type=Path, help="where the home is made and kept; one that is there is used")
    given = parser.parse_args()
    endpoint = FakeEndpoint(latency=0.5)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = given.folder or Path(scratch)
            sample = home_of(folder, endpoint.url, given.batches, given.trees, given.working)
            runs_before = set(run_files(folder / "home"))
            with live(folder / "home") as ui:
                with dg.DagsterInstance.from_config(str(folder / "home" / "dagster")) as instance:
                    until(lambda: bool(at_work(instance)), ui.said, 0.5, 900.0)
                    pages(ui)
                    commands(sample)
                    until(lambda: len(ended(instance)) >= given.done + len(runs_before), ui.said, 0.5, 900.0)
                ticks(ui)
            event_log(folder / "home", runs_before)
    finally:
        endpoint.kill()


def home_of(folder: Path, url: str, batches: int, trees: int, working: int) -> str:
    """A home with all that is to be there, which the environment points to; the id of one of its samples."""
    kept = folder / "sample"
    if kept.exists():
        os.environ |= variables(folder, url) | AUTOMATED
        return kept.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    sample = make_home(folder, url)
    multiply(folder / "home", batches)
    register(folder, trees, working)
    kept.write_text(sample)
    return sample


def register(folder: Path, trees: int, working: int) -> None:
    """Register trees, and batches that the sensors are to take on."""
    command("tree", "add", "t", "--domain", "customer_support")
    with closing(sqlite3.connect(folder / "home" / "ledger.sqlite")) as registry, registry:
        for table in ("trees", "recipes"):
            columns = [row[1] for row in registry.execute(f"PRAGMA table_info({table})") if row[1] != "name"]
            listed = ", ".join(f'"{one}"' for one in columns)
            registry.executemany(
                f"INSERT INTO {table} (name, {listed}) SELECT ?, {listed} FROM {table} WHERE name = 't'",
                [(f"t{number:03}",) for number in range(trees - 1)],
            )
    os.environ |= AUTOMATED
    for number in range(working):
        path = folder / f"w{number:02}.jsonl"
        functions(10 + 4 * number).frame[-4:].select("content", id=pl.col("seed_id")).write_ndjson(path)
        command("seeds", "add", str(path), "--batch", f"w{number:02}")


def pages(ui: Live) -> None:
    """Print how long the webserver takes to answer what pages ask: the median of some, and the longest, s."""
    for what, query in PAGES.items():
        took = []
        for _ in range(REPEATS):
            begun = time.monotonic()
            ui.ask(query)
            took.append(time.monotonic() - begun)
        say(f"page: {what}", f"{statistics.median(took):.2f} s, longest {max(took):.2f} s")


def commands(sample: str) -> None:
    """Print what commands cost, s of CPU."""
    for line in ("status", "cost", "show a", f"trace {sample} --batch a"):
        say(f"evergrow {line}", f"{cpu([*EVERGROW, *line.split()], 2):.2f} s of CPU")


def ticks(ui: Live) -> None:
    """Print how long looks of sensors took: the first, which knows nothing, and the median of the others, s."""
    for entry in ui.ask(TICKS)["workspaceOrError"]["locationEntries"]:
        for repository in entry["locationOrLoadError"]["repositories"]:
            for sensor in repository["sensors"]:
                found = [t for t in sensor["sensorState"]["ticks"] if t["endTimestamp"]]
                took = [
                    tick["endTimestamp"] - tick["timestamp"] for tick in sorted(found, key=lambda t: t["timestamp"])
                ]
                if took:
                    later = f"later {statistics.median(took[1:]):.2f} s" if took[1:] else "no later one"
                    say(f"sensor {sensor['name']}, {len(took)} looks", f"first {took[0]:.2f} s, {later}")


def event_log(home: Path, before: set[Path]) -> None:
    """Print what runs leave in the event log, and what pruning leaves of it."""
    new = [path for path in run_files(home) if path not in before]

    def told(what: str) -> None:
        size = sum(path.stat().st_size for path in new) // max(len(new), 1)
        say(
            f"event log of a run, {what}",
            f"{size / 1000:,.0f} kB of file, {text(new) / 1000 / max(len(new), 1):,.0f} kB of text",
        )

    told(f"mean of {len(new)}")
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs, gone, _ = prune(instance, 0.0, time.time() + 60)
    told(f"pruned ({runs} runs, {gone} events gone)")


def text(files: list[Path]) -> int:
    """Bytes of the events in these files."""
    total = 0
    for path in files:
        with closing(sqlite3.connect(path)) as log:
            total += int(log.execute("SELECT coalesce(sum(length(event)), 0) FROM event_logs").fetchone()[0])
    return total


def run_files(home: Path) -> list[Path]:
    """The files of the event log that are one run's each."""
    return [path for path in (home / "dagster" / "history" / "runs").glob("*.db") if path.name != "index.db"]


def at_work(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that execute."""
    return list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])))


def ended(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that succeeded."""
    return list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])))


def say(what: str, figure: object) -> None:
    """Print at once."""
    sys.stdout.write(f"{what:<60} {figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
