"""pass@k with its interval, and two models on the same problems."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959964  # of a two-sided interval of 95 %
RESAMPLES = 10_000
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Score:
    """A share of problems, 0 to 1, and its 95 % interval; `problems` it was taken on."""

    value: float
    low: float
    high: float
    problems: int


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two models on the same problems.

    Attributes:
        problems: those that both have answered.
        difference: mean of the first's pass@1 less the second's, -1 to 1.
        low, high: its 95 % interval by a paired bootstrap over problems.
        only_first, only_second: problems that just one of them has right at its first draw.
        p_value: of McNemar's exact test on these two: how likely so uneven a split is where both are equally good.
    """

    problems: int
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p_value: float


def pass_at(k: int, draws: int, right: int) -> float:
    """The unbiased estimate that one of `k` draws is right (Chen et al. 2021, arXiv 2107.03374, equation 1).

    Raises:
        ValueError: fewer than `k` draws, or more right ones than draws.
    """
    if not 1 <= k <= draws or not 0 <= right <= draws:
        raise ValueError(f"pass@{k} cannot be told from {right} right ones of {draws} draws")
    return 1.0 - math.comb(draws - right, k) / math.comb(draws, k)


def score(k: int, counts: Sequence[tuple[int, int]]) -> Score | None:
    """pass@k over problems, with Wilson's interval (1927).

    The interval treats each problem as one trial: where several draws make it a share, it is wider than need be.

    Args:
        k: how many draws one may try.
        counts: draws and right ones of each problem; problems with fewer than `k` draws are left out.

    Returns:
        None where no problem has enough draws.
    """
    values = [pass_at(k, draws, right) for draws, right in counts if draws >= k]
    if not values:
        return None
    trials, mean = len(values), math.fsum(values) / len(values)
    middle = mean + Z**2 / (2 * trials)
    spread = Z * math.sqrt(mean * (1 - mean) / trials + Z**2 / (4 * trials**2))
    whole = 1 + Z**2 / trials
    return Score(mean, max((middle - spread) / whole, 0.0), min((middle + spread) / whole, 1.0), trials)


def compare(first: Sequence[Sequence[bool]], second: Sequence[Sequence[bool]]) -> PairedComparison | None:
    """Two models, problem by problem.

    Args:
        first, second: the draws of each problem, right or not, in the same order of problems; none is empty.

    Returns:
        None for no problem.
    """
    if not first:
        return None
    gaps = np.array([np.mean(a) - np.mean(b) for a, b in zip(first, second, strict=True)])
    places = np.random.default_rng(SEED).integers(0, len(gaps), (RESAMPLES, len(gaps)))
    low, high = np.quantile(gaps[places].mean(axis=1), [0.025, 0.975])
    only_first = sum(a[0] and not b[0] for a, b in zip(first, second, strict=True))
    only_second = sum(b[0] and not a[0] for a, b in zip(first, second, strict=True))
    p_value = mcnemar(only_first, only_second)
    return PairedComparison(len(gaps), float(gaps.mean()), float(low), float(high), only_first, only_second, p_value)


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947): binomial with probability 1/2."""
    trials = only_first + only_second
    tail = sum(math.comb(trials, n) for n in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**trials))
