"""Worlds one after another, for as long as one likes: `python -m tests.world.soak --seeds 1000`.

What is done is kept in a file, from which the next call goes on. A world in which something does not hold is kept as it
was left, and its seed is printed: `--replay SEED` repeats it.
"""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import FakeEndpoint, forget_machine
from tests.platform import embed_benchmarks
from tests.world.machine import run_world
from tests.world.world import Machine, template
from tests.world.zygote import Zygote, zygote

STEPS = 8


@contextmanager
def machine(folder: Path, forking: Zygote, vectors: Path | None = None) -> Iterator[Machine]:
    """What worlds share; `vectors`: a lake with those of HumanEval's questions, which are made if there is none."""
    if vectors is None:
        vectors = folder / "known"
        with pytest.MonkeyPatch.context() as patch:
            forget_machine(patch)
            embed_benchmarks(vectors)
    endpoint = FakeEndpoint()
    try:
        yield Machine(forking, endpoint, template(folder / "template", vectors))
    finally:
        endpoint.kill()


def main() -> int:
    """Parse the command line, and go through the seeds."""
    parser = argparse.ArgumentParser(prog="python -m tests.world.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--steps", type=int, default=STEPS, help="rules in a world")
    parser.add_argument(
        "--state", type=Path, default=Path(".soak"), help="folder of what is done, and of broken worlds"
    )
    parser.add_argument("--replay", type=int, help="only the world of this seed")
    given = parser.parse_args()
    given.state.mkdir(parents=True, exist_ok=True)
    done_file = given.state / "done.txt"
    done = set(done_file.read_text().split()) if done_file.exists() else set()
    seeds = [given.replay] if given.replay is not None else range(given.first, given.first + given.seeds)
    broken = 0
    with tempfile.TemporaryDirectory() as scratch, zygote() as forking, machine(Path(scratch), forking) as shared:
        for seed in seeds:
            if f"{seed}:ok" in done and given.replay is None:
                continue
            shared.broken.clear()
            folder, begun = given.state / "worlds", time.monotonic()
            shutil.rmtree(folder / f"world-{seed}", ignore_errors=True)
            try:
                run_world(shared, seed, folder.resolve(), given.steps)
                shutil.rmtree(folder / f"world-{seed}", ignore_errors=True)
                said = "ok"
            except Exception:
                broken += 1
                said, what = "BROKEN", "\n\n".join([*shared.broken, traceback.format_exc()])
                (given.state / f"broken-{seed}.txt").write_text(what)
                sys.stdout.write(f"{what[:3000]}\nmake soak REPLAY={seed} repeats it\n")
            with done_file.open("a") as file:
                file.write(f"{seed}:{said}\n")
            sys.stdout.write(f"world {seed}: {said}, {time.monotonic() - begun:.0f} s\n")
            sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
