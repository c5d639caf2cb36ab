"""How well final answers of mathematics are told apart, and how fast: `python benchmarks/equality.py`.

The labelled pairs of the tests (`tests/data/final_answers.json`), each in both orders, and the same in the bounded
processes that verification uses. Prints one table; the figures hold for this machine.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from evergrow.methods.verification.maths import equal, told_apart
from evergrow.resources.symbolic import symbolic

PAIRS = Path(__file__).parent.parent / "tests" / "data" / "final_answers.json"


def main() -> None:
    """Measure and print."""
    labelled = json.loads(PAIRS.read_text(encoding="utf-8"))
    pairs = [(order, kind) for kind, pairs in labelled.items() for pair in pairs for order in (pair, pair[::-1])]
    equal("x+1", "1+x")  # loads sympy
    table = Table(title=f"{len(pairs)} comparisons, {os.cpu_count()} processors")
    for column in ("how", "equal: missed", "different: taken for equal", "pairs/s", "given up"):
        table.add_column(column, justify="left" if column == "how" else "right")
    started = time.perf_counter()
    told = [told_apart(*pair) for pair, _ in pairs]
    seconds = time.perf_counter() - started
    table.add_row("by spelling alone", f"{told.count(None)} undecided", "", f"{len(pairs) / seconds:,.0f}", "")
    started = time.perf_counter()
    found = [equal(*pair) for pair, _ in pairs]
    table.add_row("with algebra, one process", *_counted(pairs, found, time.perf_counter() - started), "")
    with symbolic() as comparing, ThreadPoolExecutor(comparing.workers) as threads:
        comparing.same("x+1", "1+x")
        started = time.perf_counter()
        found = list(threads.map(lambda labelled: comparing.same(*labelled[0]), pairs))
        seconds = time.perf_counter() - started
        table.add_row("in bounded processes", *_counted(pairs, found, seconds), str(comparing.given_up))
    Console(width=120).print(table)


def _counted(pairs: list[tuple[list[str], str]], found: list[bool], seconds: float) -> tuple[str, str, str]:
    kinds = [kind for _, kind in pairs]
    missed = sum(kind == "equal" and not alike for kind, alike in zip(kinds, found, strict=True))
    wrong = sum(kind == "different" and alike for kind, alike in zip(kinds, found, strict=True))
    return (
        f"{missed} of {kinds.count('equal')}",
        f"{wrong} of {kinds.count('different')}",
        f"{len(pairs) / seconds:,.0f}",
    )


if __name__ == "__main__":
    main()
