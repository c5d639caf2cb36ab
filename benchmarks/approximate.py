"""The approximate search of champions against the exact one: `python -m benchmarks.approximate [--rows 200000]`.

Vectors lie around directions of like kinds, which is how texts lie, spread so that a row's nearest champion has a
cosine of about 0.8. Recall is how often the champion found is the exact nearest; beside it, how much too diverse rows
are found to be, and the rank correlation of their diversity with the exact one. CPU seconds are of all threads.
"""

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from evergrow.methods.approximate import approximately_nearest
from evergrow.methods.vectors import nearest

WIDTH, KINDS, SPREAD = 384, 2_000, 0.5


def texts(rows: int, seed: int) -> np.ndarray:
    """Float32 (rows, WIDTH), each of length 1."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((KINDS, WIDTH), dtype=np.float32)
    found = centres[draw.integers(0, KINDS, rows)] + SPREAD * draw.standard_normal((rows, WIDTH), dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--champions", type=int, default=50_000)
    options = parser.parse_args()
    rows, champions = texts(options.rows, 1), texts(options.champions, 2)
    trees = np.arange(options.rows) % options.champions, np.arange(options.champions)
    nearest(rows[:10], champions[:10], labels=(trees[0][:10], trees[1][:10]))  # imports torch
    table = Table(title=f"{options.rows:,} rows, {options.champions:,} champions of {WIDTH} numbers")
    for name in ("search", "s", "CPU s", "recall", "mean excess of diversity", "rank correlation"):
        table.add_column(name, justify="left" if name == "search" else "right")
    exact: np.ndarray | None = None
    for name, search in (("exact", nearest), ("approximate", approximately_nearest)):
        began, cpu = time.perf_counter(), time.process_time()
        place, cosine = search(rows, champions, labels=trees)
        took = f"{time.perf_counter() - began:.1f}", f"{time.process_time() - cpu:.1f}"
        if exact is None:
            exact, best = place, cosine
        ranks = [np.argsort(np.argsort(one)) for one in (best, cosine)]
        correlation = float(np.asarray(np.corrcoef(ranks)).min())
        measured = float((place == exact).mean()), float((best - cosine).mean()), correlation
        table.add_row(name, *took, *(f"{value:.4f}" for value in measured))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
