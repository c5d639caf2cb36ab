"""What cleaning costs: `python benchmarks/cleaning.py [--rows 100000] [--vectors 20000] [--processors 1]`.

Instructions are made of 60 to 120 words drawn from a Zipf distribution over 50,000, a tenth of them with an idle word
more than an earlier one; answers are as long. The benchmarks are HumanEval and 5,000 items of drawn words. Vectors are
random unit vectors whose first 32 principal axes hold 62 % (57 % in all-MiniLM-L6-v2's of 2,000 functions), a tenth of
them near another. Every piece runs in a process of its own, whose peak memory counts the texts themselves. Prints one
table; the figures hold for this machine.
"""

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

WIDTH = 384
VOCABULARY = 50_000
CHUNK = 20_000
BENCHMARK_ITEMS = 5_000
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took: seconds, seconds of all processors, peak memory in bytes; and what it found."""

    work: str
    rows: int
    seconds: float
    cpu: float
    memory: int
    found: int


def drawn_texts(count: int, seed: int) -> Iterator[pl.Series]:
    """`count` texts in parts, a tenth of them near-duplicates."""
    generator = np.random.default_rng(seed)
    vocabulary = np.array([f"w{generator.integers(36**4):x}{n % 97}" for n in range(VOCABULARY)])
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        lengths = generator.integers(60, 121, size)
        flat = vocabulary[np.minimum(generator.zipf(1.3, lengths.sum()), VOCABULARY) - 1]
        texts = [part.tolist() for part in np.split(flat, np.cumsum(lengths)[:-1])]
        for at in range(size // 10 * 9, size):
            texts[at] = list(texts[at - size // 2])
            texts[at].insert(int(generator.integers(60)), "please")
        yield pl.Series([" ".join(words) for words in texts])


def frame(count: int, *names: str) -> pl.DataFrame:
    """Rows of a batch with these columns of texts."""
    texts = {name: pl.concat(list(drawn_texts(count, seed))) for seed, name in enumerate(names)}
    return pl.DataFrame(texts).with_columns(
        batch=pl.lit("b"), id=pl.int_range(pl.len()).cast(pl.String), value=pl.int_range(pl.len()).hash() % 150 / 10
    )


def unit_vectors(count: int) -> np.ndarray:
    """float32 (count, WIDTH): rows of length 1, a tenth of them near another."""
    generator = np.random.default_rng(0)
    spread = 1.0 / np.sqrt(1.0 + np.arange(WIDTH, dtype=np.float32))
    vectors: np.ndarray = generator.standard_normal((count, WIDTH), dtype=np.float32) * spread
    copies = count // 10
    vectors[:copies] = vectors[-copies:] + 0.02 * generator.standard_normal((copies, WIDTH), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def minhash(rows: int) -> Callable[[], int]:
    """Duplicates of texts."""
    from evergrow.methods.quality.duplicates import mark_duplicates  # noqa: PLC0415 - only this process needs it
    from evergrow.methods.quality.rules import CleaningRules, Embedded  # noqa: PLC0415

    table = frame(rows, "content")
    return lambda: mark_duplicates(Embedded(table), Embedded(table.clear()), CleaningRules()).height


def ngrams(rows: int) -> Callable[[], int]:
    """Contamination by words, of questions and answers."""
    from evergrow.methods.quality.contamination import find_contamination  # noqa: PLC0415
    from evergrow.resources.benchmarks import read_benchmarks  # noqa: PLC0415

    drawn = pl.concat(list(drawn_texts(BENCHMARK_ITEMS, 3))).to_frame("text").with_columns(benchmark=pl.lit("drawn"))
    drawn = drawn.with_columns(item=pl.int_range(pl.len()).cast(pl.String))
    columns = ["benchmark", "item", "text"]
    benchmarks = pl.concat([read_benchmarks(Path("absent"), ()).frame.select(columns), drawn.select(columns)])
    table = frame(rows, "content", "response")
    return lambda: find_contamination(table, benchmarks, 10).height


def filters(rows: int) -> Callable[[], int]:
    """Lengths, secrets and personal data, of questions and answers."""
    from evergrow.methods.quality.filters import filter_findings  # noqa: PLC0415
    from evergrow.methods.quality.rules import CleaningRules  # noqa: PLC0415

    table = frame(rows, "content", "response")
    return lambda: int(filter_findings(table, CleaningRules())["reason"].is_not_null().sum())


def languages(rows: int) -> Callable[[], int]:
    """The language of questions, beside these."""
    from evergrow.methods.quality.language import language_reasons  # noqa: PLC0415

    texts = frame(rows, "content")["content"]
    return lambda: int(language_reasons(texts, ["en"]).is_not_null().sum())


def embeddings(rows: int) -> Callable[[], int]:
    """Near-duplicates by vectors alone."""
    from evergrow.methods.quality.duplicates import thin  # noqa: PLC0415
    from evergrow.methods.quality.near_vectors import NearVectors  # noqa: PLC0415

    vectors = unit_vectors(rows)
    return lambda: int((thin(rows, [NearVectors(vectors, np.zeros(rows, bool), 0.95)]).winner >= 0).sum())


def measured(work: str, prepare: Callable[[int], Callable[[], int]], rows: int, processors: int) -> Cost:
    """Run it in a process of its own, once."""
    os.environ |= dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS"), str(processors))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, prepare, rows))


def _measure(work: str, prepare: Callable[[int], Callable[[], int]], rows: int) -> Cost:
    run = prepare(rows)
    cpu, started = time.process_time(), time.perf_counter()
    found = run()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return Cost(work, rows, seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, found)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--processors", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=["minhash", "ngrams", "filters", "languages", "embeddings"])
    options = parser.parse_args()
    pieces: dict[str, tuple[str, Callable[[int], Callable[[], int]], int]] = {
        "minhash": ("exact and MinHash duplicates", minhash, options.rows),
        "ngrams": ("runs of 10 words, question and answer", ngrams, options.rows),
        "filters": ("length, secrets, personal data", filters, options.rows),
        "languages": ("language", languages, options.rows // 10),
        "embeddings": (f"embedding duplicates, {WIDTH} dimensions", embeddings, options.vectors),
    }
    table = Table(title=f"{os.cpu_count()} processors, of which {options.processors} used; polars {pl.__version__}")
    for column in ("work", "rows", "found", "seconds", "CPU seconds", "rows/s/core", "peak memory MiB"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for name in options.only:
        cost = measured(*pieces[name], options.processors)
        speed, memory = f"{cost.rows / cost.cpu:,.0f}", f"{cost.memory / MIB:,.0f}"
        table.add_row(
            cost.work, f"{cost.rows:,}", f"{cost.found:,}", f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", speed, memory
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
