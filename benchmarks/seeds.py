"""What reading seeds costs: `python benchmarks/seeds.py [--mib 69]`.

Rows are drawn functions of 100 to 1,000 characters with an id, a number and, here and there, a wide character. Each
form is read in a process of its own: seconds, seconds of all processors, and peak memory beyond what the imports take,
as a multiple of the file. Beside it stands what polars alone takes for the same bytes, which checks nothing. Prints
one table; the figures hold for this machine.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl
from rich.console import Console
from rich.table import Table

from evergrow.resources.seeds.read import read_seeds

MIB = 1024 * 1024
Result = TypeVar("Result")
PLAIN: dict[str, Callable[[Path], pl.DataFrame]] = {
    "jsonl": pl.read_ndjson,
    "csv": lambda path: pl.read_csv(path, infer_schema=False),
    "parquet": pl.read_parquet,
    "arrow": pl.read_ipc,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading took: seconds, seconds of all processors, bytes of memory; and how many rows came out."""

    seconds: float
    cpu: float
    memory: int
    rows: int


def drawn_rows(size: int) -> Iterator[dict[str, object]]:
    """Rows of about `size` bytes of JSON in all."""
    draw, made, number = random.Random(7), 0, 0
    words = [f"w{draw.getrandbits(20):x}" for _ in range(5_000)]
    while made < size:
        body = " + ".join(draw.choices(words, k=draw.randint(15, 120)))
        wide = " 😀" if number % 1_000 == 0 else ""
        row = {
            "id": number,
            "content": f'def f{number}(x):\n    """Return it{wide}."""\n    return x + {body}',
            "n": draw.random(),
        }
        made += len(json.dumps(row)) + 1
        number += 1
        yield row


def write(folder: Path, size: int) -> dict[str, Path]:
    """The same rows in every form."""
    frame = pl.DataFrame(list(drawn_rows(size)))
    files = {name: folder / f"rows.{name}" for name in ("json", "jsonl", "csv", "parquet", "arrow", "jsonl.zst")}
    frame.write_ndjson(files["jsonl"])
    files["json"].write_text(json.dumps(frame.to_dicts()))
    frame.write_csv(files["csv"])
    frame.write_parquet(files["parquet"])
    frame.write_ipc(files["arrow"])
    import pyarrow  # noqa: PLC0415 - only for this

    files["jsonl.zst"].write_bytes(pyarrow.compress(files["jsonl"].read_bytes(), "zstd", asbytes=True))
    return files


def measured(work: Callable[[Path], int], path: Path) -> Cost:
    """What `work` costs in a fresh process."""
    return in_process(_measure, work, path)


def in_process(work: Callable[..., Result], *arguments: object) -> Result:
    """`work` in a process of its own; this one stays small, for its peak would count as that of those it starts."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _measure(work: Callable[[Path], int], path: Path) -> Cost:
    pl.DataFrame({"a": ["x"]}).select(pl.col("a").str.contains("x"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, used = time.perf_counter(), time.process_time()
    rows = work(path)
    taken = time.perf_counter() - started, time.process_time() - used
    return Cost(*taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, rows)


def ours(path: Path) -> int:
    """Read as seeds."""
    return read_seeds(path, 20_000).frame.height


def plain(path: Path) -> int:
    """Read by polars alone."""
    return PLAIN[path.suffix[1:]](path).height


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=69)
    size = parser.parse_args().mib * MIB
    table = Table("form", "MiB", "rows", "s", "CPU s", "memory / file", "polars CPU s")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in in_process(write, Path(folder), size).items():
            cost = measured(ours, path)
            alone = f"{measured(plain, path).cpu:.2f}" if path.suffix[1:] in PLAIN else "-"
            mib = path.stat().st_size / MIB
            figures = (f"{mib:.0f}", f"{cost.rows:,}", f"{cost.seconds:.2f}", f"{cost.cpu:.2f}")
            table.add_row(name, *figures, f"{cost.memory / path.stat().st_size:.1f}", alone)
    Console().print(table)


if __name__ == "__main__":
    main()
