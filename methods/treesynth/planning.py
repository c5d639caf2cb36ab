"""What a tree will cost before it is spent: nodes, leaves, rows, requests, tokens and money still to come (D18)."""

from dataclasses import dataclass

import polars as pl

from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.quotas import natural_target

MOST = 10**15  # projections beyond this are "too many", whatever they are
VALUE_ASKS = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What the size of a tree follows from; `rows` is the target, None for what its leaves add up to."""

    max_depth: int
    rows: int | None
    per_call: int
    sets_per_list: int
    pivot_calls: int
    tokens_per_request: float | None = None
    usd_per_request: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A projection; figures of levels that are not grown yet suppose the fan-out seen so far.

    Attributes:
        nodes: of the next level, exact.
        leaves: of the whole tree.
        rows: of the whole dataset.
        requests: still to be sent, for levels and samples.
        tokens: of these; None while nothing was sent that could be averaged.
        usd: of these; None while a price is unknown.
    """

    nodes: int
    leaves: int
    rows: int
    requests: int
    tokens: int | None
    usd: float | None


def plan(level: pl.DataFrame, leaves_above: int, domain: Domain, depth: int, rules: Rules) -> Plan:
    """What follows `level`, which lies at `depth`.

    Args:
        level: `state, split_values, split_listed, list_nodes`, the rows that were not rejected.
        leaves_above: leaves of the levels above.
        domain: states the fan-out of some levels.
        depth: of the level, 0 for the root's.
        rules: bounds and rates.
    """
    inner = level.filter(pl.col("state") == "inner")
    fans = pl.when("split_listed").then(1).otherwise(pl.col("split_values").list.len())
    nodes = int(inner.select(fans.sum()).item() or 0)
    leaves = leaves_above + level.height - inner.height
    frontier, requests = nodes, 0
    mean = nodes / inner.height if inner.height else 0.0
    for below in range(depth + 1, rules.max_depth):
        stated = domain.at(below)
        if stated is None:
            requests += frontier * (rules.pivot_calls + 1 + VALUE_ASKS)
        fan = mean if stated is None else 1 if stated.listed else len(stated.values)
        frontier = min(round(frontier * fan), MOST)
    leaves = min(leaves + frontier, MOST)
    k = int(inner["list_nodes"].max() or 0) if inner.height else 0  # type: ignore[arg-type]
    rows = rules.rows or min(leaves * natural_target(k, rules.per_call, rules.sets_per_list), MOST)
    writing = min(leaves, rows)  # leaves that get a row at all, each with requests of its own
    if writing:
        requests = min(requests + writing * -(-rows // (writing * rules.per_call)), MOST)
    tokens = None if rules.tokens_per_request is None else int(requests * rules.tokens_per_request)
    usd = None if rules.usd_per_request is None else requests * rules.usd_per_request
    return Plan(nodes, leaves, rows, requests, tokens, usd)
