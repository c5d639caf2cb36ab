"""Vectors for texts: the same text has the same vector, like texts have like ones; and what can be wrong with them."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

WIDTH = 48
Items = list[dict[str, Any]]


def vector(text: str, width: int = WIDTH) -> np.ndarray:
    """Float32 (width,): the sum of a direction for each word, not normalised."""
    found = np.full(width, 1e-3)
    for word in text.split():
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        found += np.random.default_rng(seed).standard_normal(width)
    return found.astype(np.float32)


def embeddings(body: Mapping[str, Any], quirks: list[str]) -> bytes:
    """The answer to a request for the vectors of `input`, after what `quirks` make of it."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    items: Items = [
        {"object": "embedding", "index": at, "embedding": vector(text).tolist()} for at, text in enumerate(texts)
    ]
    for name in quirks:
        if name in VECTOR_QUIRKS:
            items = VECTOR_QUIRKS[name](items)
    if body.get("encoding_format") == "base64" and "floats" not in quirks:
        items = [item | {"embedding": _packed(item["embedding"])} for item in items]
    tokens = sum(max(1, len(text) // 4) for text in texts)
    answer: dict[str, Any] = {"object": "list", "data": items, "model": body["model"]}
    if "no_usage" not in quirks:
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps(answer).encode()


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()


def _first(value: float) -> Callable[[Items], Items]:
    """One number of the first vector replaced."""
    return lambda items: [{**items[0], "embedding": [value, *items[0]["embedding"][1:]]}, *items[1:]]


VECTOR_QUIRKS: dict[str, Callable[[Items], Items]] = {
    "reversed": lambda items: items[::-1],
    "no_index": lambda items: [{name: item[name] for name in item if name != "index"} for item in items],
    "same_index": lambda items: [item | {"index": 0} for item in items],
    "one_less": lambda items: items[:-1],
    "one_more": lambda items: [*items, items[-1] | {"index": len(items)}],
    "nan": _first(float("nan")),
    "inf": _first(float("inf")),
    "null": lambda items: [{**items[0], "embedding": None}, *items[1:]],
    "zeros": lambda items: [{**items[0], "embedding": [0.0] * WIDTH}, *items[1:]],
    "narrower": lambda items: [item | {"embedding": item["embedding"][:-8]} for item in items],
    "one_narrower": lambda items: [{**items[0], "embedding": items[0]["embedding"][:-8]}, *items[1:]],
    "floats": lambda items: items,
    "no_usage": lambda items: items,
}
