"""What a gate costs: `python benchmarks/gate.py [--rows 1000000] [--stage accepted]`.

Children of 60 to 120 drawn words, eight of each parent, are judged by suites of a round: once as they should be, once
with every score off the scale, so that all rows fail. Each table is read from a Parquet file in a process of its own;
memory is the peak of that process, the table and all imports included.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

CHILDREN = 8
CHUNK = 50_000
STAGES = ("complexity", "diversity", "accepted")


def children(rows: int, *, bad: bool) -> pl.DataFrame:
    """A round's accepted table of so many rows."""
    generator = np.random.default_rng(0)
    words = np.array([f"word{n}" for n in range(20_000)])
    parts = []
    for start in range(0, rows, CHUNK):
        size = min(CHUNK, rows - start)
        lengths = generator.integers(60, 121, size)
        drawn = words[generator.integers(0, len(words), lengths.sum())]
        parts.append(pl.Series([" ".join(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]))
    score = generator.uniform(1, 10, rows) + (20 if bad else 0)
    number = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "id": pl.select(pl.format("root{}_{}_0", number // CHILDREN, number % CHILDREN)).to_series(),
            "parent_id": pl.select(pl.format("root{}", number // CHILDREN)).to_series(),
            "content": pl.concat(parts),
            "complexity": score,
            "diversity": score / 10,
            "value": score * 2,
            "reason": pl.Series([None] * rows, dtype=pl.String),
        }
    )


def measure(path: Path, stage: str) -> tuple[float, float, str]:
    """Seconds of the judgement, peak memory in GB, and what the gate says."""
    from evergrow.assets.gates.check import evaluate  # noqa: PLC0415 - only this process needs it
    from evergrow.resources.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    import great_expectations  # noqa: F401, PLC0415 - its import is no part of a judgement

    start = time.perf_counter()
    table = pl.read_parquet(path)
    known = pl.when(pl.col("parent_id").is_in(table["parent_id"].unique().implode())).then("parent_id")
    facts = {"requested": table.height, "lowest_mean": None, "known_parent": table.select(known).to_series()}
    verdict = evaluate(stage, table, settings, facts)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, str(verdict.description)[:60]


def main() -> None:
    """Print a line a suite and table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--stage", choices=STAGES, action="append")
    options = parser.parse_args()
    shown = Table("suite", "rows", "seconds", "peak GB", "verdict")
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for bad in (False, True):
            path = Path(folder) / f"{bad}.parquet"
            with fresh.Pool(1) as pool:
                pool.apply(write, (path, options.rows, bad))
            for stage in options.stage or STAGES:
                with fresh.Pool(1) as pool:
                    seconds, memory, verdict = pool.apply(measure, (path, stage))
                shown.add_row(stage, f"{options.rows:,}", f"{seconds:.1f}", f"{memory:.2f}", verdict)
    Console(width=120).print(shown)


def write(path: Path, rows: int, bad: bool) -> None:  # noqa: FBT001
    """Make the table in a process that ends."""
    children(rows, bad=bad).write_parquet(path)


if __name__ == "__main__":
    main()
