"""What running generated programs costs: `python benchmarks/sandbox.py [--programs 200]`.

Short programs against a bare start of the interpreter; then whole verifications, each an answer with three tests and
the broken versions on which these are tried. Prints one table.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from rich.console import Console
from rich.table import Table

from evergrow.resources.sandbox.bubblewrap import own_interpreter
from evergrow.resources.sandbox.code_verification import verify
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset

ANSWER = "def clamp(x, low, high):\n    if x < low:\n        return low\n    return high if x > high else x\n"
TESTS = ["assert clamp(5, 1, 9) == 5", "assert clamp(0, 1, 9) == 1", "assert clamp(10, 1, 9) == 9"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took, in seconds."""

    work: str
    items: int
    seconds: float


def measure(work: str, items: int, run: Callable[[], object]) -> Cost:
    """Run it once."""
    started = time.perf_counter()
    run()
    return Cost(work, items, time.perf_counter() - started)


def bare_starts(count: int) -> Cost:
    """The interpreter alone, one after the other."""
    command = [own_interpreter()[0], "-I", "-S", "-c", "print(1)"]
    return measure(
        "bare interpreter, one at a time",
        count,
        lambda: [subprocess.run(command, check=True, capture_output=True) for _ in range(count)],
    )


def costs_of(sandbox: Sandbox, programs: int) -> list[Cost]:
    """Short programs, each in namespaces of its own and in one session; whole verifications."""
    answers = pl.DataFrame(
        {"id": [str(n) for n in range(programs // 4)], "code": ANSWER, "tests": [TESTS] * (programs // 4)}
    )
    verified: list[pl.DataFrame] = []

    def in_sessions(share: int) -> None:
        with sandbox.session() as session:
            for _ in range(share):
                session.run("print(1)")

    shares = [programs // sandbox.workers] * sandbox.workers
    costs = [
        measure("programs, each by itself", programs, lambda: list(sandbox.run_many(["print(1)"] * programs))),
        measure("programs, one session a worker", sum(shares), lambda: list(sandbox.each(in_sessions, shares))),
        measure(
            "answers verified: 2 runs of 3 tests, up to 5 broken versions",
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
    rules = dataset.SandboxSettings(workers=options.workers)
    costs = [bare_starts(options.programs), *costs_of(Sandbox.open(rules), options.programs)]
    table = Table(title=f"{os.cpu_count()} processors, {rules.workers or os.cpu_count()} programs at once")
    for column in ("work", "items", "seconds", "items/s"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for cost in costs:
        table.add_row(cost.work, f"{cost.items:,}", f"{cost.seconds:.1f}", f"{cost.items / cost.seconds:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
