"""Every point of a command at which it can die, one after another: `python -m tests.world.crashes run export`.

A command is done once whole, and stopped at each of its points: each sync, commit, rename, removal and send. What is on
disk there is what a kill leaves. From each such state the command is repeated: the end must be as if nothing had
happened. With `--kill` each is reached by a kill, and the command done anew for it, which takes twice as long and more.
"""

import argparse
import hashlib
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import polars as pl

from evergrow.assets.names import MAIN, SAMPLES
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.registry.bans import bans
from evergrow.resources.releases.proof import verify_release
from tests.world.machine import Machine, machine
from tests.world.moments import Blobs, Moment, Watch
from tests.world.world import AT_ONCE, Broken, World
from tests.world.zygote import zygote

BROKEN = "BROKEN:"
T = TypeVar("T")
OF_ONE_HISTORY = ("run_id", "response_run_id", "draws", "call_id", "judge_call_id", "test_call_id")
TREE = ("tree", "grow", "t", "--domain", "customer_support", "--max-depth", "1", "--rows", "4")


@dataclass(frozen=True)
class Scene:
    """A command, and what is done before it."""

    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


RUN, RELEASE, EXPORT = ("run", "--batch", "a"), ("release", "--batch", "a"), ("export", "--out", "x")
FORGET = ("forget", "--seed", "s0", "--yes")
SCENES = {
    "run": Scene(RUN),
    "release": Scene(RELEASE, (RUN,)),
    "export": Scene(EXPORT, (RUN, RELEASE)),
    "again": Scene((*EXPORT, "--format", "parquet"), (RUN, RELEASE, EXPORT)),
    "tree": Scene(TREE),
    "forget": Scene(FORGET, (RUN, RELEASE, EXPORT)),
    "lift": Scene((*FORGET, "--lift"), (RUN, RELEASE, EXPORT, FORGET)),
}


class Walk:
    """A scene on a machine, done whole once; `moments` are what its command leaves where it dies."""

    def __init__(self, shared: Machine, folder: Path, name: str) -> None:
        self.scene, self._folder = SCENES[name], folder / name
        for made in (self._folder, pipes := folder / f"{name}-pipes"):
            made.mkdir(parents=True)
        self._world = World(shared, self._folder, 0)
        self._world.add("a", 0, 2)
        for command in self.scene.before:
            self._do(*command)
        self._world.begin()
        watch = self._watch = Watch(pipes, self._folder, Blobs(folder / f"{name}-blobs"))
        child = self._world.start(*self.scene.command, points=watch.order)
        self.moments = watch.moments(child, self._world)
        assert self._world.end(child) == 0, child.said
        self.points = [point for moment in self.moments for point in moment.points]
        self.expected = self._state()

    @property
    def kinds(self) -> Counter[str]:
        """How many points there are of each kind."""
        return Counter(point.split()[1] for point in self.points)

    def go_on(self, moment: Moment) -> None:
        """Repeat the command from what is there at a moment.

        Raises:
            Broken: more is lost than was in flight; the end is not as if it had been left alone.
        """
        world = self._world
        world.begin()
        self._watch.restore(moment)
        world.log.append(f"what is there at {moment.points}")
        world.came = moment.sound.copy()
        world.lost = moment.delivered - world.held()
        if world.lost.total() > AT_ONCE:
            raise world.broken(f"a kill loses {world.lost}, and {AT_ONCE} can be in flight")
        self._repeat()

    def kill_at(self, number: int) -> None:
        """Do the command anew, killed at that point, and repeat it.

        Raises:
            Broken: the end is not as if it had been left alone.
        """
        world = self._world
        world.begin()
        self._watch.restore(self.moments[0])
        world.log.append(f"back to the beginning; point {self.points[number]}")
        code = world.do(*self.scene.command, kill_at=number)
        if code not in (0, -signal.SIGKILL):
            raise world.broken(f"it ended with {code}: {world.said}")
        self._repeat()

    def _repeat(self) -> None:
        self._do(*self.scene.command)
        self._world.check_once()
        found = self._state()
        for name, value in self.expected.items():
            if not _alike(value, found.get(name)):
                raise self._world.broken(f"{name} is not as it would be: {found.get(name)}, wanted {value}")
        if left := sorted(found.keys() - self.expected.keys()):
            raise self._world.broken(f"there is more than there would be: {left}")

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


def walk(shared: Machine, folder: Path, name: str, chosen: slice, *, kill: bool) -> Iterator[str]:
    """Go on from a scene's moments, or kill its command at its points, those that are chosen; says what came of it."""
    scene = Walk(shared, folder, name)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(scene.kinds.items()))
    yield f"{name}: {len(scene.points)} points: {kinds}; they leave {len(scene.moments)} states"
    for number in range(len(scene.points))[chosen] if kill else ():
        yield f"{name}: killed at {scene.points[number]}: {_holds(scene.kill_at, number)}"
    for moment in () if kill else scene.moments[chosen]:
        more = f" and {len(moment.points) - 1} more" if len(moment.points) > 1 else ""
        yield f"{name}: left at {moment.points[0]}{more}: {_holds(scene.go_on, moment)}"


def _holds(look: Callable[[T], None], at: T) -> str:
    try:
        look(at)
    except Broken as error:
        return f"{BROKEN} {error}"
    return "holds"


def main() -> int:
    """Parse the command line, and walk."""
    parser = argparse.ArgumentParser(prog="python -m tests.world.crashes", description=__doc__)
    parser.add_argument("scenes", nargs="*", default=list(SCENES), help=f"of {', '.join(SCENES)}")
    parser.add_argument("--stride", type=int, default=1, help="every n-th only")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--kill", action="store_true", help="kill the command at each point, and do it anew for each")
    given = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as scratch, zygote() as forking, machine(Path(scratch), forking) as shared:
        for name in given.scenes:
            begun = time.monotonic()
            for line in walk(shared, Path(scratch), name, slice(given.first, None, given.stride), kill=given.kill):
                broken += BROKEN in line
                sys.stdout.write(f"{line}, {time.monotonic() - begun:.0f} s\n")
                sys.stdout.flush()
    sys.stdout.write(f"{broken} broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
