"""What vectors and their comparison will take before it is done: requests to an endpoint, or time of this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergrow.methods.vectors import HEAD
from evergrow.resources.embedding.endpoint import BATCH_TOKENS, MOST_TEXTS
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.forecast import PEEKED, Forecast, Work, forecast
from evergrow.resources.llm.requests import Request
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import EMBEDDING

TRIED = 2_048  # rows of a product that tells how fast this machine compares


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this machine embedded `texts` texts of `chars` characters in all: it took `seconds`, without loading."""

    texts: int
    chars: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of one kind that need vectors.

    Attributes:
        name: what they are for, in a word.
        asset: how the keys of the assets begin that embed such texts.
        texts: how many are expected that have none yet.
        most: how many there may be.
        like: some of them: their length stands for all.
        calls: in how many parts they come, and at most: an endpoint is asked at least once for each.
    """

    name: str
    asset: str
    texts: int
    most: int
    like: Sequence[str]
    calls: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """So many pairs of texts whose vectors are compared with a threshold."""

    name: str
    pairs: int


def vectors_forecast(settings: Settings, ledger: Ledger, texts: Texts, pace: Pace | None) -> Forecast:
    """What the vectors of `texts` will take: by the endpoint that the settings name, else by this machine.

    pace: how fast it embedded such texts before; None: it is not known.
    """
    if settings.embedding.endpoint is not None:
        return forecast(settings, ledger, _asked(settings, texts))
    chars = texts.texts * _mean(texts.like)
    if pace is None:
        return _here(settings, texts.name, None, f"no text was embedded by {settings.embedding.model} here yet")
    basis = f"{pace.texts / pace.seconds:,.0f} texts a second, as the last {pace.texts:,} were embedded: an estimate"
    return _here(settings, texts.name, chars * pace.seconds / max(pace.chars, 1), basis)


def comparison_forecast(settings: Settings, comparison: Comparison) -> Forecast:
    """What `comparison` will take, by a small product of the same shape that is timed now, on the processor."""
    a_second = _pairs_a_second()
    basis = (
        f"{comparison.pairs:,} pairs at {a_second:,.0f} a second, as this processor just compared some: an estimate, "
        "and a GPU is faster"
    )
    return _here(settings, comparison.name, comparison.pairs / a_second, basis)


def _here(settings: Settings, name: str, seconds: float | None, basis: str) -> Forecast:
    """What costs nothing but time."""
    return Forecast(
        work=name,
        role=EMBEDDING,
        model=settings.embedding.model,
        requests=0,
        tokens_in=0,
        tokens_out=0,
        usd=0.0,
        seconds=seconds,
        most_requests=0,
        most_tokens=0,
        most_usd=0.0,
        basis=basis,
    )


def _asked(settings: Settings, texts: Texts) -> Work:
    like = list(texts.like[:PEEKED])
    room = settings.embedding.batch_tokens or BATCH_TOKENS
    each = max(1.0, sum(len(text.encode(errors="replace")) for text in like) / max(len(like), 1))
    together = int(max(1, min(MOST_TEXTS, room // each)))
    groups = [tuple(like[at : at + together]) for at in range(0, len(like), together)]
    if len(groups) > 1 and len(groups[-1]) < together:
        groups.pop()  # a short one would stand for whole ones
    requests = [Request("", EMBEDDING, "", "", None, texts=group) for group in groups]
    counts = (texts.texts, texts.most)
    expected, most = (
        min(-(-count // together) + max(0, calls - 1), count) for count, calls in zip(counts, texts.calls, strict=True)
    )
    return Work(texts.name, EMBEDDING, texts.asset, expected, most, requests, 0)


def _mean(texts: Sequence[str]) -> float:
    return sum(map(len, texts[:PEEKED])) / max(len(texts[:PEEKED]), 1)


def _pairs_a_second() -> float:
    """Of a product of as many numbers a row as near-duplicates are told apart by on a processor."""
    rows = np.random.default_rng(0).standard_normal((TRIED, HEAD + 1)).astype(np.float32)
    rows @ rows.T  # the first one starts threads
    began = time.perf_counter()
    np.count_nonzero(rows @ rows.T >= np.float32(1e6))
    return TRIED * TRIED / max(time.perf_counter() - began, 1e-6)
