"""What measures of a set cost: `python -m benchmarks.measures [--rows 100000]`.

Texts are those of benchmarks/cleaning.py, vectors are random unit vectors of 384 numbers; embedding is not counted. The
set is measured alone. Prints one table; the figures hold for this machine.
"""

import argparse
import resource
import time

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.cleaning import drawn_texts
from evergrow.methods.measures.measure_table import TextSet, measures

WIDTH = 384


def text_set(rows: int) -> TextSet:
    """Drawn texts, and random unit vectors."""
    vectors = np.random.default_rng(0).standard_normal((rows, WIDTH), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TextSet(pl.concat(list(drawn_texts(rows, 0))), vectors)


def _peak() -> float:
    """The most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    found = text_set(parser.parse_args().rows)
    before = _peak()
    began, cpu = time.perf_counter(), time.process_time()
    title = f"measures of {len(found):,} rows"
    last, shown = began, Table("measure", "value", "seconds", "peak, MiB beyond the set", title=title)
    for one in measures(found):
        now = time.perf_counter()
        value = f"{one.value:.4g}" if one.value is not None else "-"
        shown.add_row(one.name, value, f"{now - last:.1f}", f"{_peak() - before:,.0f}")
        last = now
    spent, used = time.perf_counter() - began, time.process_time() - cpu
    shown.add_row("in all", f"{used:.0f} s of CPU", f"{spent:.1f}", f"{_peak() - before:,.0f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
