"""What embeddings and diversity cost: `python benchmarks/diversity.py [--rows 45000] [--champions 15000]`.

Diversity is measured on random unit vectors, 45,000 children (the paper's upper bound for a second round) of 15,000
trees, against the same formula computed one sample after the other, which is timed on a part and scaled up. Embeddings
are measured on functions of the standard library. Prints one table; the figures hold for this machine.
"""

import argparse
import ast
import hashlib
import logging
import os
import resource
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from evergrow.methods.evolution.diversity import diversity
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.embedding import Embedding

WIDTH = 384
NAIVE_ROWS = 200
CACHED_TEXTS = 50_000
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took: seconds, seconds of all processors, and peak memory beyond what was held before."""

    work: str
    items: int
    seconds: float
    cpu: float
    memory: int | None = None


def measure(work: str, items: int, run: Callable[[], object]) -> Cost:
    """Run it once."""
    before, cpu, started = peak_memory(), time.process_time(), time.perf_counter()
    run()
    return Cost(work, items, time.perf_counter() - started, time.process_time() - cpu, peak_memory() - before)


def peak_memory() -> int:
    """Peak resident memory of this process, bytes (Linux reports KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def unit_vectors(rows: int) -> np.ndarray:
    """Random float32 (rows, WIDTH), each of length 1."""
    vectors = np.random.default_rng(0).standard_normal((rows, WIDTH), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def naive(vectors: np.ndarray, roots: np.ndarray, champions: np.ndarray, rows: int) -> list[float]:
    """The formula of method.md A.4 one sample after the other."""
    rivals, rival_roots = vectors[champions], roots[champions]
    scores = []
    for row in range(rows):
        similarity = rivals @ vectors[row]
        similarity[rival_roots == roots[row]] = -1.0
        scores.append(min(1.0, max(0.0, 1.0 - float(similarity.max()))))
    return scores


def diversity_costs(rows: int, champions: int) -> list[Cost]:
    """Ours and the naive way, the latter scaled up from `NAIVE_ROWS`."""
    vectors = unit_vectors(rows)
    roots = np.arange(rows) % champions
    best = np.arange(champions)
    diversity(vectors[:10], roots[:10], best[:10])  # imports torch
    blocked = measure(f"diversity, {champions:,} champions", rows, lambda: diversity(vectors, roots, best))
    part = measure("", NAIVE_ROWS, lambda: naive(vectors, roots, best, NAIVE_ROWS))
    scale = rows / NAIVE_ROWS
    label = f"  row by row ({NAIVE_ROWS} rows, scaled up)"
    scores = diversity(vectors[:], roots, best)[0][:NAIVE_ROWS]
    assert np.allclose(scores, naive(vectors, roots, best, NAIVE_ROWS), atol=1e-5)
    return [blocked, Cost(label, rows, part.seconds * scale, part.cpu * scale)]


def embedding_costs(texts: list[str]) -> list[Cost]:
    """New texts, and texts that are known."""
    logging.getLogger().setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        embedder = Embedder(Embedding(device="cpu"), Files(folder), LogProgress(logging.getLogger()))
        embedder.embed(["a text that loads the model"])
        words = sum(len(text.split()) for text in texts) // len(texts)
        new = measure(f"embeddings, new texts of {words} words", len(texts), lambda: embedder.embed(texts))
        known = [f"known text {n}" for n in range(CACHED_TEXTS)]
        keys = [hashlib.sha256(text.encode()).digest() for text in known]
        VectorStore(Files(folder)).keep(embedder.identity, keys, unit_vectors(CACHED_TEXTS))
        return [new, measure("embeddings, known texts", len(known), lambda: embedder.embed(known))]


def functions(count: int) -> list[str]:
    """Sources of functions of the standard library."""
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and (text := ast.get_source_segment(source, node)):
                found[text] = None
    return list(found)[:count]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=45_000)
    parser.add_argument("--champions", type=int, default=15_000)
    parser.add_argument("--texts", type=int, default=500)
    options = parser.parse_args()
    table = Table(title=f"{os.cpu_count()} processors, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for column in ("work", "items", "seconds", "CPU seconds", "items/s", "peak memory MiB"):
        table.add_column(column, justify="left" if column == "work" else "right")
    costs = diversity_costs(options.rows, options.champions) + embedding_costs(functions(options.texts))
    for cost in costs:
        memory = "" if cost.memory is None else f"{cost.memory / MIB:,.0f}"
        speed = f"{cost.items / cost.seconds:,.0f}"
        table.add_row(cost.work, f"{cost.items:,}", f"{cost.seconds:.1f}", f"{cost.cpu:.1f}", speed, memory)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
