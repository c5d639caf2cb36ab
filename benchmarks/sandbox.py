"""What running generated programs costs: `python benchmarks/sandbox.py [--programs 200]`.

Short programs at each level that this machine has, against a bare start of the interpreter; then whole verifications,
each an answer with three tests and the broken versions on which these are tried. Prints one table.
"""

import argparse
import os
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from rich.console import Console
from rich.table import Table

from evergrow.resources.sandbox.levels import SandboxUnavailable, own_interpreter
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.sandbox.verifying import verify
from evergrow.resources.settings import dataset

ANSWER = "def clamp(x, low, high):\n    if x < low:\n        return low\n    return high if x > high else x\n"
TESTS = ["assert clamp(5, 1, 9) == 5", "assert clamp(0, 1, 9) == 1", "assert clamp(10, 1, 9) == 9"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took: seconds, and seconds of all processors."""

    work: str
    items: int
    seconds: float
    cpu: float


def measure(work: str, items: int, run: Callable[[], object]) -> Cost:
    """Run it once."""
    cpu, started = processor_time(), time.perf_counter()
    run()
    return Cost(work, items, time.perf_counter() - started, processor_time() - cpu)


def processor_time() -> float:
    """Seconds that this process and its children have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def bare_starts(count: int) -> Cost:
    """The interpreter alone, one after the other."""
    command = [own_interpreter()[0], "-I", "-S", "-c", "print(1)"]
    return measure(
        "bare interpreter, one at a time",
        count,
        lambda: [subprocess.run(command, check=True, capture_output=True) for _ in range(count)],
    )


def level_costs(sandbox: Sandbox, programs: int) -> list[Cost]:
    """Short programs, and whole verifications."""
    answers = pl.DataFrame(
        {"id": [str(n) for n in range(programs // 4)], "code": ANSWER, "tests": [TESTS] * (programs // 4)}
    )
    verified: list[pl.DataFrame] = []
    costs = [
        measure(f"{sandbox.level}: programs", programs, lambda: list(sandbox.run_many(["print(1)"] * programs))),
        measure(
            f"{sandbox.level}: answers verified",
            len(answers),
            lambda: verified.append(verify(answers, sandbox, dataset.Verification())),
        ),
    ]
    assert set(verified[0]["verdict"]) == {"pass"}
    return costs


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=None)
    options = parser.parse_args()
    rules = dataset.Sandbox(workers=options.workers)
    costs, missing = [bare_starts(options.programs)], []
    for name in ("bubblewrap", "process"):
        try:
            costs += level_costs(Sandbox.open(rules, (name,)), options.programs)
        except SandboxUnavailable as reason:
            missing.append(str(reason))
    table = Table(title=f"{os.cpu_count()} processors, {rules.workers or os.cpu_count()} programs at once")
    for column in ("work", "items", "seconds", "CPU ms each", "items/s"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for cost in costs:
        # What runs in bubblewrap's namespaces is no child that is waited for here.
        each = "" if cost.work.startswith("bubblewrap") else f"{1000 * cost.cpu / cost.items:.1f}"
        speed = f"{cost.items / cost.seconds:.1f}"
        table.add_row(cost.work, f"{cost.items:,}", f"{cost.seconds:.1f}", each, speed)
    console = Console(width=120)
    console.print(table)
    for why in missing:
        console.print(why, markup=False)


if __name__ == "__main__":
    main()
