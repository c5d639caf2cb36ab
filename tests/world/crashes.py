"""Every point of a command at which it can die, one after another: `python -m tests.world.crashes run export`.

A command is done once whole, with its points counted: each sync, commit, rename, removal and send. Then it is done anew
for each point, from the same state, killed there, and repeated: the end must be as if nothing had happened.
"""

import argparse
import hashlib
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.names import MAIN, SAMPLES
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.registry.bans import bans
from evergrow.resources.releases.proof import verify_release
from tests.world.soak import machine
from tests.world.world import Broken, Machine, World

OF_ONE_HISTORY = ("run_id", "response_run_id", "draws", "call_id", "judge_call_id", "test_call_id")
TREE = ("tree", "grow", "t", "--domain", "customer_support", "--max-depth", "1", "--rows", "4")


@dataclass(frozen=True)
class Scene:
    """A command, and what is done before it."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


RUN, RELEASE, EXPORT = ("run", "--batch", "a"), ("release", "--batch", "a"), ("export", "--out", "x")
SCENES = {
    "run": Scene(RUN),
    "release": Scene(RELEASE, (RUN,)),
    "export": Scene(EXPORT, (RUN, RELEASE)),
    "again": Scene((*EXPORT, "--format", "parquet"), (RUN, RELEASE, EXPORT)),
    "tree": Scene(TREE),
    "forget": Scene(("forget", "--seed", "s0", "--yes"), (RUN, RELEASE, EXPORT)),
}


class Walk:
    """A scene on a machine, done whole once; `points` are those of its command."""

    def __init__(self, shared: Machine, folder: Path, name: str) -> None:
        self.scene, self._folder, self._before = SCENES[name], folder / name, folder / f"{name}-before"
        self._folder.mkdir(parents=True)
        self._world = World(shared, self._folder, 0)
        self._world.add("a", 0, 2)
        for command in self.scene.before:
            self._do(*command)
        shutil.copytree(self._folder, self._before)
        log = self._folder / "points.txt"
        child = self._world.start(*self.scene.command, points={"log": str(log)})
        assert self._world.end(child) == 0, child.said
        self.points = log.read_text().splitlines()
        self.expected = self._state()

    @property
    def kinds(self) -> Counter[str]:
        """How many points there are of each kind."""
        return Counter(point.split()[0] for point in self.points)

    def kill_at(self, number: int) -> None:
        """Do the command anew, killed at that point, and repeat it.

        Raises:
            Broken: the end is not as if it had been left alone.
        """
        world = self._world
        shutil.rmtree(self._folder)
        shutil.copytree(self._before, self._folder)
        world.machine.endpoint.control(reset=True)
        world.lost.clear()
        world.log.append(f"back to the beginning; point {number}: {self.points[number]}")
        code = world.do(*self.scene.command, kill_at=number)
        if code not in (0, -signal.SIGKILL):
            raise world.broken(f"it ended with {code}: {world.said}")
        self._do(*self.scene.command)
        world.check_once()
        found = self._state()
        for name, value in self.expected.items():
            if not _alike(value, found.get(name)):
                raise world.broken(f"{name} is not as it would be: {found.get(name)}, wanted {value}")
        if left := sorted(found.keys() - self.expected.keys()):
            raise world.broken(f"there is more than there would be: {left}")

    def _do(self, *command: str) -> None:
        if self._world.do(*command) != 0:
            raise self._world.broken(f"{command} does not go on: {self._world.said}")

    def _state(self) -> dict[str, Any]:
        """Every table, whole; what is registered; what was exported."""
        found: dict[str, Any] = {}
        with self._world.opened() as platform:
            instance = platform.instance
            if left := instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
                raise self._world.broken(f"runs are left: {[(run.job_name, run.status) for run in left]}")
            for key, table in platform.frontier.tables.items():
                owner = {"batch": "a", "tree": "t", "release": MAIN}.get(table.kind)
                partitions = instance.get_materialized_partitions(key) if owner else set()
                for partition in sorted(partitions):
                    if owner != partition and key != SAMPLES:
                        continue
                    try:
                        rows = platform.table(key, partition, rows="all")
                    except NeverMaterialized:
                        continue
                    found[f"{key.to_user_string()} {partition}"] = rows.drop(*OF_ONE_HISTORY, strict=False)
            found["bans"] = [str(ban) for ban in bans(platform.registry)]
        if (self._folder / "x").exists():
            report = verify_release(self._folder / "x")
            found["faults of the export"] = [str(fault) for fault in report.faults]
            for path in sorted((self._folder / "x").glob("*.*")):
                whole = path.suffix in (".jsonl", ".parquet")
                found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest() if whole else ""
        return found


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, pl.DataFrame):
        return isinstance(other, pl.DataFrame) and one.equals(other)
    return bool(one == other)


def walk(shared: Machine, folder: Path, name: str, chosen: Callable[[int], Iterator[int]]) -> Iterator[str]:
    """Kill a scene's command at the points that are chosen of so many; says of each that it holds.

    Raises:
        Broken: a point does not hold.
    """
    scene = Walk(shared, folder, name)
    yield f"{name}: {len(scene.points)} points: {', '.join(f'{kind} {n}' for kind, n in scene.kinds.items())}"
    for number in chosen(len(scene.points)):
        scene.kill_at(number)
        yield f"{name}: killed at {number} of {len(scene.points)}, {scene.points[number]}"


def main() -> int:
    """Parse the command line, and walk."""
    parser = argparse.ArgumentParser(prog="python -m tests.world.crashes", description=__doc__)
    parser.add_argument("scenes", nargs="*", default=list(SCENES), help=f"of {', '.join(SCENES)}")
    parser.add_argument("--stride", type=int, default=1, help="every n-th point only")
    parser.add_argument("--first", type=int, default=0, help="the first point")
    given = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as scratch, machine(Path(scratch)) as shared:
        for name in given.scenes:
            begun = time.monotonic()
            try:
                for line in walk(
                    shared, Path(scratch), name, lambda count: iter(range(given.first, count, given.stride))
                ):
                    sys.stdout.write(f"{line}, {time.monotonic() - begun:.0f} s\n")
                    sys.stdout.flush()
            except Broken as error:
                broken += 1
                sys.stdout.write(f"{name}: BROKEN: {error}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
