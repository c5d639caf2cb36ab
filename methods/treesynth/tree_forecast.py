"""What a tree will cost before it is spent: nodes, leaves, rows, requests, tokens and money still to come (D18)."""

from dataclasses import dataclass

import polars as pl

from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.quotas import natural_target

MOST = 10**15  # projections beyond this are "too many", whatever they are
VALUE_ASKS = 2
TYPICAL_FAN_OUT = 8  # values of a dimension, roughly; only while no level is grown


@dataclass(frozen=True, slots=True)
class TreeRules:
    """What the size of a tree follows from; `rows` is the target, None for what its leaves add up to."""

    max_depth: int
    rows: int | None
    per_call: int
    sets_per_list: int
    pivot_calls: int
    tokens_per_request: float | None = None
    usd_per_request: float | None = None


@dataclass(frozen=True, slots=True)
class TreeForecast:
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


@dataclass(frozen=True, slots=True)
class TreeShape:
    """How large a tree becomes, where levels that are not grown yet suppose a fan-out.

    Attributes:
        nodes: of the next level.
        leaves: of the whole tree.
        rows: of the whole dataset.
        dividing: depth, and number of its nodes that a model divides, for each level still to come.
        writing: requests for the samples of all leaves.
    """

    nodes: int
    leaves: int
    rows: int
    dividing: tuple[tuple[int, int], ...]
    writing: int


def plan(level: pl.DataFrame, leaves_above: int, domain: Domain, depth: int, rules: TreeRules) -> TreeForecast:
    """What follows `level`, which lies at `depth`.

    Args:
        level: `state, split_values, split_listed, list_nodes`, the rows that were not rejected.
        leaves_above: leaves of the levels above.
        domain: states the fan-out of some levels.
        depth: of the level, 0 for the root's.
        rules: bounds and rates.
    """
    shape = shape_after(level, leaves_above, domain, depth, rules)
    requests = sum(nodes for _, nodes in shape.dividing) * (rules.pivot_calls + 1 + VALUE_ASKS)
    requests = min(requests + shape.writing, MOST)
    tokens = None if rules.tokens_per_request is None else int(requests * rules.tokens_per_request)
    usd = None if rules.usd_per_request is None else requests * rules.usd_per_request
    return TreeForecast(shape.nodes, shape.leaves, shape.rows, requests, tokens, usd)


def shape_after(
    level: pl.DataFrame, leaves_above: int, domain: Domain, depth: int, rules: TreeRules, *, fan: float | None = None
) -> TreeShape:
    """The shape of a tree that has grown down to `level`; see `plan`. `fan`: another fan-out than that of the level."""
    inner = level.filter(pl.col("state") == "inner")
    fans = pl.when("split_listed").then(1).otherwise(pl.col("split_values").list.len())
    nodes = int(inner.select(fans.sum()).item() or 0)
    mean = nodes / inner.height if inner.height else 0.0
    lists = int(inner["list_nodes"].max() or 0) if inner.height else 0  # type: ignore[arg-type]
    leaves = leaves_above + level.height - inner.height
    return _shape((nodes, depth + 1, leaves), domain, rules, mean if fan is None else fan, lists)


def shape_ahead(domain: Domain, rules: TreeRules, fan: float = TYPICAL_FAN_OUT) -> TreeShape:
    """The shape of a tree that is not begun."""
    return _shape((1, 0, 0), domain, rules, fan, 0)


def _shape(grown: tuple[int, int, int], domain: Domain, rules: TreeRules, fan: float, lists: int) -> TreeShape:
    """`grown`: nodes of the next level, its depth, and the leaves above it."""
    nodes, first, leaves = grown
    frontier, dividing = nodes, list[tuple[int, int]]()
    for below in range(first, rules.max_depth):
        stated = domain.at(below)
        if stated is None:
            dividing.append((below, frontier))
        below_each = fan if stated is None else 1 if stated.listed else len(stated.values)
        frontier = min(round(frontier * below_each), MOST)
    leaves = min(leaves + frontier, MOST)
    rows = rules.rows or min(leaves * natural_target(lists, rules.per_call, rules.sets_per_list), MOST)
    return TreeShape(nodes, leaves, rows, tuple(dividing), writing_calls(rows, leaves, rules.per_call))


def writing_calls(rows: int, leaves: int, per_call: int) -> int:
    """Requests for `rows` samples, shared out evenly: each leaf's are asked for apart from the others'."""
    full, more = divmod(rows, max(leaves, 1))
    return min(more * -(-(full + 1) // per_call) + (leaves - more) * -(-full // per_call), MOST)
