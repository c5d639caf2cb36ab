"""What embedding costs on a CPU, by what runs the model: `python -m benchmarks.embedding [--texts 1000] [--file F]`.

Every way embeds the same texts with all-MiniLM-L6-v2; the first line is sentence-transformers' own `encode`. Diversity
of each text among the others is measured on the vectors of each way, and its ranks are compared with those of float32.
Texts are functions of the standard library, or the `content` of a JSON array. CPU seconds are those of all threads:
set OMP_NUM_THREADS=1 where others work on the machine, since torch's threads wait for each other in a loop.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.diversity import functions
from evergrow.methods.evolution.diversity import diversity
from evergrow.resources.embedding.compiled import installed
from evergrow.resources.embedding.embedder import BATCH_TOKENS
from evergrow.resources.embedding.encoder import Encoder
from evergrow.resources.embedding.local_models import load

MODEL = "all-MiniLM-L6-v2"
WAYS = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way took for all texts: seconds, seconds of all processors; and its vectors."""

    way: str
    seconds: float
    cpu: float
    vectors: np.ndarray


def costs(texts: list[str]) -> Iterator[Cost]:
    """Plain `encode`, then every way that is installed."""
    plain = load(MODEL, "cpu", "float32", "torch", trust_remote_code=False)
    yield _measured("plain encode", lambda part: plain.encode(part, normalize_embeddings=True), texts)
    for backend, precision in WAYS:
        if backend == "torch" or installed(backend):
            encoder = Encoder(load(MODEL, "cpu", precision, backend, trust_remote_code=False), BATCH_TOKENS["cpu"])
            yield _measured(f"{backend}, {precision}", partial(vectors_of, encoder), texts)


def vectors_of(encoder: Encoder, texts: list[str]) -> np.ndarray:
    """As the way has them."""
    return encoder.encode(texts).vectors


def _measured(way: str, embed: Callable[[list[str]], np.ndarray], texts: list[str]) -> Cost:
    embed(texts[:8])
    began, cpu = time.perf_counter(), time.process_time()
    vectors = embed(texts)
    return Cost(way, time.perf_counter() - began, time.process_time() - cpu, vectors)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's, of numbers that hardly ever are equal."""
    ranks = [np.argsort(np.argsort(values)).astype(np.float64) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def scores(vectors: np.ndarray) -> np.ndarray:
    """How far each is from its nearest among the others."""
    every = np.arange(len(vectors))
    return diversity(vectors, every, every)[0]


def main() -> None:
    """Measure every way and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    every = [row["content"] for row in json.loads(options.file.read_text())] if options.file else functions(10**6)
    texts = random.Random(0).sample(every, min(options.texts, len(every)))
    shown = Table(title=f"{len(texts):,} texts, {os.cpu_count()} processors, {torch.get_num_threads()} threads")
    for column in ("way", "texts/s", "texts per CPU second", "of plain", "cosines off by", "rank correlation"):
        shown.add_column(column, justify="left" if column == "way" else "right")
    plain: Cost | None = None
    for cost in costs(texts):
        plain = plain or cost
        off = np.abs(cost.vectors @ cost.vectors.T - plain.vectors @ plain.vectors.T).max()
        shown.add_row(
            cost.way,
            f"{len(texts) / cost.seconds:.1f}",
            f"{len(texts) / cost.cpu:.1f}",
            f"{plain.cpu / cost.cpu:.2f} x",
            f"{off:.1e}",
            f"{rank_correlation(scores(cost.vectors), scores(plain.vectors)):.6f}",
        )
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
