"""What embeddings and products cost on a GPU, beside what the card can do: `python -m benchmarks.gpu [--part NAME]`.

Carries what it needs: weights are random, texts are drawn, nothing is fetched. On a CPU the same code runs at a
hundredth of the size, and says so. Each figure stands beside the card's name.

- `embeddings`: 100,000 texts of instruction length by an encoder of all-MiniLM-L6-v2's shape and by one of 434 million
  parameters, of gte-large-en-v1.5's shape, in several precisions; with the share of the rate at which the device
  multiplies matrices of that precision.
- `champions`: 1,000,000 children against 50,000 champions, 1,024 numbers each, beside the product alone.
- `round`: 45,000 children of 15,000 trees, from texts to diversity, selection of what stays apart, and near-duplicates.
"""

import argparse
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel, PreTrainedTokenizerFast

from evergrow.methods.evolution.diversity import diversity
from evergrow.methods.quality.near_vectors import NearVectors
from evergrow.methods.vectors import exact_products, nearest
from evergrow.resources.embedding.embedder import BATCH_TOKENS, SAVED_TOGETHER, Embedder
from evergrow.resources.embedding.encoder import Encoder
from evergrow.resources.embedding.local_models import load
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.lake.content_files import Files
from evergrow.resources.settings.embedding import Embedding

WORDS = 30_000
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MEAN_WORDS, SPREAD_WORDS, MOST_WORDS = 4.75, 0.5, 500  # log-normal: 130 words on average, as evolved instructions have
REDUCED = 100  # on a CPU
PRECISIONS = ("float32", "bfloat16", "float16")
MATRIX = 8_192  # of the product that a device's rate is measured by
DUPLICATES_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what was done, on how much, in how many seconds, and what share of a rate that is."""

    work: str
    items: int
    seconds: float
    share: str = ""


class Bench:
    """The device, and how much is done on it."""

    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.divisor = 1 if self.device == "cuda" else REDUCED

    @property
    def name(self) -> str:
        """The card's name; without a card, that sizes are reduced."""
        if self.device == "cuda":
            return str(torch.cuda.get_device_name())
        return f"CPU, {torch.get_num_threads()} threads, sizes divided by {REDUCED}: no figure of a GPU"

    def size(self, full: int) -> int:
        """That many on a GPU."""
        return max(1, full // self.divisor)

    def timed(self, run: Callable[[], object]) -> float:
        """Seconds until the device is done."""
        self._wait()
        began = time.perf_counter()
        run()
        self._wait()
        return time.perf_counter() - began

    def rate(self, precision: str) -> float:
        """Operations a second of the product of two square matrices, the best of three."""
        side = MATRIX if self.device == "cuda" else 1_024
        first = torch.randn(side, side, device=self.device).to(getattr(torch, precision))
        with exact_products():
            first @ first
            return 2 * side**3 / min(self.timed(lambda: first @ first) for _ in range(3))

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def drawn_texts(count: int) -> list[str]:
    """Texts of made-up words, as long as instructions are."""
    drawn = random.Random(0)
    lengths = np.random.default_rng(0).lognormal(MEAN_WORDS, SPREAD_WORDS, count).clip(8, MOST_WORDS).astype(int)
    return [" ".join(f"w{drawn.randrange(WORDS)}" for _ in range(length)) for length in lengths]


def tokenizer() -> PreTrainedTokenizerFast:
    """One word, one token."""
    names = {mark: at for at, mark in enumerate(MARKS)} | {f"w{n}": n + len(MARKS) for n in range(WORDS)}
    bare = Tokenizer(WordLevel(names, unk_token="[UNK]"))
    bare.pre_tokenizer = Whitespace()
    bare.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=bare, **special)


def small() -> Any:  # noqa: ANN401 - the library has no types
    """An encoder of all-MiniLM-L6-v2's shape, 22 million parameters."""
    shape = {"hidden_size": 384, "intermediate_size": 1_536, "num_hidden_layers": 6, "num_attention_heads": 12}
    return BertModel(BertConfig(vocab_size=30_522, **shape))


def large() -> Any:  # noqa: ANN401 - the library has no types
    """An encoder of gte-large-en-v1.5's shape: turned positions, gated units, 434 million parameters."""
    shape = {"hidden_size": 1_024, "intermediate_size": 4_096, "num_hidden_layers": 24, "num_attention_heads": 16}
    marks = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    return ModernBertModel(
        ModernBertConfig(
            vocab_size=30_528, max_position_embeddings=8_192, global_attn_every_n_layers=1, **shape, **marks
        )
    )


SHAPES = {"MiniLM's shape": (small, 256), "gte-large's shape": (large, 512)}


def model_folder(root: Path, name: str) -> Path:
    """The model of this shape with random weights, as a folder that sentence-transformers loads."""
    build, most = SHAPES[name]
    folder = root / name.split("'", maxsplit=1)[0]
    torch.manual_seed(0)
    build().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    (folder / "sentence_bert_config.json").write_text(f'{{"max_seq_length": {most}, "do_lower_case": false}}')
    return folder


def operations(model: Any, tokens: np.ndarray) -> float:  # noqa: ANN401 - the library has no types
    """Of matrix products for texts of so many tokens: two a weight and token, and attention's four a pair and width."""
    encoder = model[0].model
    weights = sum(part.weight.numel() for part in encoder.modules() if isinstance(part, torch.nn.Linear))
    config = encoder.config
    attention = 4 * config.num_hidden_layers * config.hidden_size * np.square(tokens.astype(np.float64)).sum()
    return float(2 * weights * tokens.sum() + attention)


def embeddings(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    texts = drawn_texts(bench.size(100_000))
    with tempfile.TemporaryDirectory() as root:
        for name in SHAPES:
            folder = model_folder(Path(root), name)
            part = texts if bench.device == "cuda" or name.startswith("MiniLM") else texts[: len(texts) // 20]
            for precision in PRECISIONS if bench.device == "cuda" else PRECISIONS[:2]:
                model = load(str(folder), bench.device, precision, "torch", trust_remote_code=False)
                encoder = Encoder(model, BATCH_TOKENS[bench.device])
                encoder.encode(part[:64])
                step = SAVED_TOGETHER[bench.device]
                ordered = sorted(part, key=len, reverse=True)
                pieces = [ordered[start : start + step] for start in range(0, len(ordered), step)]
                seconds = bench.timed(lambda: [encoder.encode(piece) for piece in pieces])  # noqa: B023 - run at once
                tokens = np.minimum([len(text.split()) + 2 for text in part], encoder.limit or MOST_WORDS)
                share = operations(model, tokens) / seconds / bench.rate(precision)
                yield Figure(f"embeddings, {name}, {precision}", len(part), seconds, f"{share:.0%} of products' rate")


def champions(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    rows, others, width = bench.size(1_000_000), bench.size(50_000), 1_024
    children, best = unit(rows, width, 0), unit(others, width, 1)
    labels = np.arange(rows) % others, np.arange(others)
    nearest(children[:64], best, bench.device, labels=(labels[0][:64], labels[1]))
    seconds = bench.timed(lambda: nearest(children, best, bench.device, labels=labels))
    first, second = (torch.from_numpy(part).to(bench.device) for part in (children, best))
    step = max(1, (1 << 28) // others)

    def alone() -> None:
        for start in range(0, rows, step):
            first[start : start + step] @ second.T

    with exact_products():
        alone()
        product = bench.timed(alone)
    share = f"{product / seconds:.0%} of the product alone ({product:.2f} s)"
    yield Figure(f"champions, {others:,} of {width} numbers, float32", rows, seconds, share)


def whole_round(bench: Bench) -> Iterator[Figure]:
    """See the module."""
    rows, trees = bench.size(45_000), bench.size(15_000)
    texts = drawn_texts(rows)
    with tempfile.TemporaryDirectory() as root:
        folder = model_folder(Path(root), "MiniLM's shape")
        settings = Embedding(model=str(folder), device="cuda" if bench.device == "cuda" else "cpu", backend="torch")
        embedder = Embedder(settings, Files(Path(root) / "lake"), LogProgress(logging.getLogger(__name__)))
        embedder.embed(["a text that loads the model"])

        def run() -> None:
            vectors = embedder.embed(texts)
            diversity(vectors, np.arange(rows) % trees, np.arange(trees), bench.device)
            duplicates(vectors, bench.device)

        yield Figure("one round: texts, diversity, near-duplicates", rows, bench.timed(run))


def duplicates(vectors: np.ndarray, device: str) -> int:
    """Pairs of near-duplicates, found as cleaning finds them, all rows kept."""
    finder, pairs = NearVectors(vectors, np.zeros(len(vectors), bool), 0.95, device), 0
    for start in range(0, len(vectors), DUPLICATES_BLOCK):
        block = np.arange(start, min(start + DUPLICATES_BLOCK, len(vectors)))
        pairs += len(finder.against_kept(block).later) + len(finder.among(block).later)
        finder.keep(block)
    return pairs


def unit(rows: int, width: int, seed: int) -> np.ndarray:
    """Random float32 (rows, width), each of length 1."""
    vectors = np.random.default_rng(seed).standard_normal((rows, width), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


PARTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "champions": champions,
    "embeddings": embeddings,
    "round": whole_round,
}


def main() -> None:
    """Measure the parts and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append")
    bench = Bench()
    shown = Table(title=f"{bench.name}; torch {torch.__version__}")
    for column in ("work", "items", "seconds", "items/s", "share"):
        shown.add_column(column, justify="left" if column in ("work", "share") else "right")
    for part in parser.parse_args().part or PARTS:
        for one in PARTS[part](bench):
            speed = f"{one.items / one.seconds:,.0f}"
            shown.add_row(one.work, f"{one.items:,}", f"{one.seconds:.2f}", speed, one.share)
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
