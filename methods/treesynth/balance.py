"""Balance: leaves that hold too much are thinned, those that hold too little are filled (method.md B.12, phase 2)."""

from collections.abc import Mapping, Sequence

import polars as pl

from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.leaves import leaf_steps
from evergrow.methods.treesynth.quotas import natural_target, tree_shares

PER_LEAF, PER_LIST = 10, 5


def balance_quotas(leaves: pl.DataFrame, held: Mapping[str, int], rows: int | None) -> dict[str, int]:
    """How many rows each leaf is to hold, by its id.

    Without `rows` every leaf gets `10 * 5 ** k` (method.md B.12); with it, exactly `rows` are shared out in that
    proportion. Rows of the dataset go before rows that would have to be made: while there are places, no leaf that
    holds any is emptied, and with fewer places than leaves those that hold some come before those that hold none.

    Args:
        leaves: the rows of a tree's leaves: `id, parent_id, place, path, list_nodes`.
        held: rows of the dataset that were routed to a leaf, by its id.
        rows: of the balanced dataset.
    """
    ids, steps = leaves["id"].to_list(), leaf_steps(leaves)
    weights = [natural_target(k, PER_LEAF, PER_LIST) for k in leaves["list_nodes"]]
    if rows is None:
        return dict(zip(ids, weights, strict=True))
    occupied = [held.get(leaf, 0) > 0 for leaf in ids]
    if rows < len(ids):
        shares = _scarce(steps, occupied, rows)
    else:
        shares = tree_shares(steps, weights, rows)
        _refill(shares, occupied, [held.get(leaf, 0) for leaf in ids])
    return dict(zip(ids, shares, strict=True))


def _scarce(steps: Sequence[tuple[str, ...]], occupied: Sequence[bool], rows: int) -> list[int]:
    """One row each for as many leaves as there are rows, those that hold some first."""
    shares = [0] * len(steps)
    for wanted in (True, False):
        places = [place for place, holds in enumerate(occupied) if holds is wanted]
        given = min(rows, len(places))
        for place, share in zip(places, tree_shares([steps[p] for p in places], [1] * len(places), given), strict=True):
            shares[place] = share
        rows -= given
    return shares


def _refill(shares: list[int], occupied: Sequence[bool], held: Sequence[int]) -> None:
    """Give a row to each leaf that holds some and would keep none, from where most would have to be made."""
    emptied = [place for place, holds in enumerate(occupied) if holds and not shares[place]]
    givers = sorted(range(len(shares)), key=lambda place: (held[place] - shares[place], place))
    while emptied:
        able = [place for place in givers if shares[place] > 1][: len(emptied)]
        if not able:
            return
        for giver in able:
            shares[giver] -= 1
            shares[emptied.pop()] += 1


def thin(routed: pl.DataFrame, quotas: Mapping[str, int], seed: int) -> pl.DataFrame:
    """`routed` with the reason `thinned` for rows beyond their leaf's quota: a random sample stays, drawn by `seed`.

    routed: `id, leaf_id`, one row per routed text, and whatever else.
    """
    members = routed.group_by("leaf_id", maintain_order=True).agg("id").iter_rows()
    stays = {row for leaf, rows in members for row in _chosen(rows, leaf, quotas.get(leaf, 0), seed)}
    kept = pl.col("id").is_in(list(stays))
    return routed.with_columns(reason=pl.when(kept).then(None).otherwise(pl.lit("thinned")))


def _chosen(rows: Sequence[str], leaf: str, quota: int, seed: int) -> Sequence[str]:
    if len(rows) <= quota:
        return rows
    return derived(seed, "thin", leaf).sample(sorted(rows), quota)
