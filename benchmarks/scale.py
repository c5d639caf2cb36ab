"""A whole job at the size of the paper, by the commands that a user gives: rounds, collection, answers, release.

    python -m benchmarks.scale [--seeds 5000] [--rounds 3] [--children 3] [--batches 1] [--local]

5,000 seeds in three rounds are about 125,000 children and 250,000 requests. `--seeds 250` is a trial of some minutes,
`--against 1000` runs that many seeds as well, in a home of its own, and tells how much more each step took for each
row: 1 is as many times as there are rows. `--batches 10` splits the seeds into ten batches, all of them begun at once.
The models are the tests' fake endpoint in a process of its own, the embedding model too; with `--local` the real
one, on this machine. Samples are texts, so that no sandbox runs: `benchmarks.sandbox` measures that one.

Of each command: wall seconds, processor seconds of it and of what it started, and the most memory of its processes,
looked at ten times a second (as often in all where commands run side by side), what they share counted once. Of each
step: the same, between the times that Dagster's log tells.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from rich.console import Console
from rich.table import Table

from tests.conftest import FakeEndpoint

LOOK_S = 0.1
MOST_MIB = 2_048
EVERGROW = [sys.executable, "-m", "evergrow.cli.main"]
GATES = {
    "complexity": {"max_drop": 9.0, "min_mean": 1.0},
    "diversity": {"min_mean": 0, "min_p10": 0, "min_ratio_to_seeds": 0, "min_ratio_to_previous": 0},
}
out = Console(width=150)


@dataclass
class Watched:
    """What some processes took, as time goes: at (epoch s), processor seconds so far, MiB now."""

    every_s: float
    looks: list[tuple[float, float, float]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> tuple[float, float]:
        """Processor seconds and the most MiB from `begin` to `end`."""
        before = max((look for look in self.looks if look[0] <= begin), default=self.looks[0])
        within = [look for look in self.looks if begin <= look[0] <= end + self.every_s] or [before]
        return within[-1][1] - before[1], max(look[2] for look in within)


def watched(process: subprocess.Popen[bytes], every_s: float) -> Watched:
    """Look at a process and all that it starts every so many seconds until it is over."""
    found, of, gone = Watched(every_s, [(time.time(), 0.0, 0.0)]), psutil.Process(process.pid), 0.0
    last: dict[int, float] = {}
    while process.poll() is None:
        now: dict[int, float] = {}
        memory = 0
        for one in [of, *_children(of)]:
            try:
                times = one.cpu_times()
                now[one.pid] = times.user + times.system
                memory += one.memory_full_info().pss  # a process that is just being started shares all of its parent's
            except psutil.Error:
                continue
        gone += sum(cpu for pid, cpu in last.items() if pid not in now)
        last = now
        found.looks.append((time.time(), gone + sum(now.values()), memory / 2**20))
        time.sleep(every_s)
    return found


def _children(of: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = of.children(recursive=True)
    except psutil.Error:
        return []
    return found


class Job:
    """A home with some batches, and what was measured on the way."""

    def __init__(self, home: Path, url: str, options: argparse.Namespace, seeds: int) -> None:
        self.home, self.seeds, self.batches = home, seeds, [f"b{n}" for n in range(options.batches)]
        self.rows: list[dict[str, Any]] = []
        self._environment = {
            **os.environ, "EVERGROW_HOME": str(home), "EVERGROW_CONFIG": str(home / "evergrow.yaml"),
            "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        home.mkdir()
        settings: dict[str, Any] = {
            "gates": GATES,
            "evolution": {"rounds": options.rounds, "children": options.children, "margin": -10},
            "endpoints": {"default": {"concurrency": 128}},
        }
        if not options.local:
            settings["embedding"] = {"model": "fake-embedder", "endpoint": "default"}
        (home / "evergrow.yaml").write_text(json.dumps(settings))

    def run(self) -> None:
        """The whole job; commands of different batches side by side."""
        each = -(-self.seeds // len(self.batches))
        for number, batch in enumerate(self.batches):
            path = self.home / f"{batch}.jsonl"
            path.write_text("".join(f"{json.dumps(seed)}\n" for seed in _seeds(number * each, each)))
        self._all("seeds add", [["seeds", "add", str(self.home / f"{b}.jsonl"), "--batch", b] for b in self.batches])
        self._all("run", [["run", "--batch", batch] for batch in self.batches])
        self._steps()
        names = [part for batch in self.batches for part in ("--batch", batch)]
        self._all("release", [["release", *names]])
        self._all("run again", [["run", "--batch", batch] for batch in self.batches])
        self._all("status", [["status"]])

    def _all(self, name: str, commands: Sequence[Sequence[str]]) -> None:
        begun = time.time()
        log = (self.home / "said.txt").open("ab")
        processes = [
            subprocess.Popen([*EVERGROW, *one], env=self._environment, stdout=log, stderr=log) for one in commands
        ]
        self.watched: list[Watched | None] = [None] * len(processes)

        def look(at: int) -> None:
            self.watched[at] = watched(processes[at], LOOK_S * len(processes))

        threads = [threading.Thread(target=look, args=(at,)) for at in range(len(processes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if any(process.returncode for process in processes):
            sys.exit(f"{name} failed: {(self.home / 'said.txt').read_text()[-3000:]}")
        looks = [one for one in self.watched if one]
        cpu, memory = sum(one.looks[-1][1] for one in looks), max(max(o[2] for o in one.looks) for one in looks)
        self.rows.append({"what": name, "rows": None, "wall": time.time() - begun, "cpu": cpu, "memory": memory})

    def _steps(self) -> None:
        """What each step of the first batch took; its run is the first that was watched."""
        seen = self.watched[0]
        assert seen is not None
        for name, rows, begin, end in sorted(_steps(self.home, self.batches[0]), key=lambda step: step[2]):
            cpu, memory = seen.between(begin, end)
            self.rows.append({"what": f"  {name}", "rows": rows, "wall": end - begin, "cpu": cpu, "memory": memory})

    def disk(self) -> dict[str, float]:
        """MiB of the lake, the vectors among it, the ledger, and Dagster's storage."""
        whole = {name: _size(self.home / name) for name in ("lake", "dagster")}
        vectors = _size(self.home / "lake" / "vectors")
        ledger = sum(path.stat().st_size for path in self.home.glob("ledger.sqlite*")) / 2**20
        return {"tables": whole["lake"] - vectors, "vectors": vectors, "ledger": ledger, "dagster": whole["dagster"]}

    def children(self) -> int:
        """Rows that were asked for, over all rounds and batches."""
        steps = [step for batch in self.batches for step in _steps(self.home, batch)]
        return sum(rows for name, rows, _, _ in steps if name.endswith("/instructions"))


def _steps(home: Path, batch: str) -> Iterator[tuple[str, int, float, float]]:
    """Of every materialisation of the batch: table, rows, begin, end (epoch s)."""
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        for key in instance.all_asset_keys():
            records = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, asset_partitions=[batch]), limit=1
            ).records
            for record in records:
                made = record.asset_materialization
                (stats,) = instance.get_run_step_stats(record.run_id, step_keys=["__".join(key.path)])
                if made is None or stats.start_time is None or stats.end_time is None:
                    continue
                counted = [made.metadata[name] for name in ("dagster/partition_row_count",) if name in made.metadata]
                rows = int(str(counted[0].value)) if counted else 0
                yield key.to_user_string(), rows, stats.start_time, stats.end_time


def _seeds(start: int, count: int) -> Iterator[dict[str, str]]:
    for number in range(start, start + count):
        task = (
            f"Explain to a beginner how a gardener of estate number {number} plans {number % 97} beds for the season."
        )
        yield {
            "id": f"s{number}",
            "content": f"{task} Weigh water, soil and the {number * 7919 % 100_003} hours of sun.",
        }


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def measured(options: argparse.Namespace, seeds: int) -> Job:
    """Run the job with so many seeds, and print what it took."""
    endpoint = FakeEndpoint()
    try:
        with tempfile.TemporaryDirectory() as folder:
            job = Job(Path(folder) / "home", endpoint.url, options, seeds)
            job.run()
            stats, children, disk = endpoint.stats(), job.children(), job.disk()
    finally:
        endpoint.kill()
    table = Table(title=f"{seeds:,} seeds, {options.rounds} rounds, {options.batches} batches", title_justify="left")
    for name in ("what", "rows", "wall, s", "CPU, s", "most memory, MiB"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for row in job.rows:
        rows = "" if row["rows"] is None else f"{row['rows']:,}"
        table.add_row(row["what"], rows, f"{row['wall']:.1f}", f"{row['cpu']:.1f}", f"{row['memory']:,.0f}")
    out.print(table)
    out.print(f"{children:,} children, {stats['requests']:,} requests, {stats['repeated']:,} of them sent again")
    each = ", ".join(
        f"{name} {mib:,.1f} MiB ({mib * 1024 / max(1, children):.2f} KiB a child)" for name, mib in disk.items()
    )
    out.print(f"on disk: {each}")
    if (most := max(row["memory"] for row in job.rows)) > MOST_MIB:
        out.print(f"beyond {MOST_MIB:,} MiB: {most:,.0f}", style="red")
    return job


def compare(small: Job, large: Job) -> None:
    """Print by how much more each part took than there were more seeds: 1 is as many times."""
    times = large.seeds / small.seeds
    table = Table(title=f"{large.seeds:,} against {small.seeds:,} seeds: growth beyond that of the seeds")
    for name in ("what", "CPU", "memory"):
        table.add_column(name)
    before = {row["what"]: row for row in small.rows}
    for row in large.rows:
        if (old := before.get(row["what"])) and old["cpu"] > 0.5:
            table.add_row(
                row["what"], f"{row['cpu'] / old['cpu'] / times:.2f}", f"{row['memory'] / old['memory'] / times:.2f}"
            )
    out.print(table)


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--against", type=int, help="run so many seeds first, and compare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--children", type=int, default=3, help="of each parent")
    parser.add_argument("--batches", type=int, default=1, help="side by side")
    parser.add_argument("--local", action="store_true", help="embed on this machine")
    options = parser.parse_args()
    small = measured(options, options.against) if options.against else None
    large = measured(options, options.seeds)
    if small:
        compare(small, large)


if __name__ == "__main__":
    main()
