"""Balance: leaves that hold too much are thinned, those that hold too little are filled (method.md B.12, phase 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.leaves import Leaf, LeafSample, leaf_steps
from evergrow.methods.treesynth.nodes import Attribute, read_node
from evergrow.methods.treesynth.quotas import natural_target, tree_shares
from evergrow.methods.treesynth.samples import text_sample
from evergrow.methods.treesynth.writer import line_rows

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


def held_leaves(leaf_rows: pl.DataFrame, thinned: pl.DataFrame, quotas: Mapping[str, int]) -> list[Leaf]:
    """Each leaf with the rows of the dataset that it keeps; they have the attributes of their leaf, but for its lists.

    Args:
        leaf_rows: the rows of a tree's leaves.
        thinned: `id, leaf_id, content, reason`; see `thin`.
        quotas: rows that each leaf is to hold, by its id.
    """
    kept = thinned.filter(pl.col("reason").is_null())
    grouped = kept.group_by("leaf_id", maintain_order=True).agg("id", "content").iter_rows()
    held = {leaf: list(zip(ids, texts, strict=True)) for leaf, ids, texts in grouped}
    leaves = []
    for row in leaf_rows.iter_rows(named=True):
        node = read_node(row)
        own = tuple(Attribute(edge.dimension, edge.values[0]) for edge in node.path if not edge.is_list)
        # A row of the dataset keeps its own id, which its line carries in the place of a call's.
        lines = [LeafSample(text_sample(text), own, "kept", call_id=name) for name, text in held.get(node.id, ())]
        leaves.append(Leaf(node, quotas[node.id], lines))
    return leaves


def balanced_rows(
    thinned: pl.DataFrame, leaves: Sequence[Leaf], tree: str, domain: Domain, schema: Mapping[str, Any]
) -> pl.DataFrame:
    """Kept and generated rows one below the other, then those that were thinned out; `origin` says which each is.

    Args:
        thinned: `id, leaf_id, content, reason` of all routed rows, and `given` if they have columns of their own.
        leaves: filled.
        tree: its name.
        domain: of what was generated.
        schema: of a tree's samples.

    Returns:
        The columns of `schema`, `given`, `leaf_rows` (the leaf's quota), `tree_rows` (all quotas together), `reason`.
    """
    written = [_balanced(row) for leaf in leaves for row in line_rows(leaf, tree, domain)]
    out = thinned.filter(pl.col("reason").is_not_null()).select(
        "id", "leaf_id", "content", "reason", tree=pl.lit(tree), origin=pl.lit("thinned")
    )
    quotas = {leaf.node.id: leaf.quota for leaf in leaves}
    table = pl.concat([pl.DataFrame(written, schema=schema, orient="row"), out], how="diagonal")
    given = thinned.select("id", given="given" if "given" in thinned.columns else pl.lit(None, pl.String))
    return (
        table.join(given, on="id", how="left", maintain_order="left")
        .with_columns(
            leaf_rows=pl.col("leaf_id").replace_strict(quotas, return_dtype=pl.Int64, default=0),
            tree_rows=pl.lit(sum(quotas.values()), pl.Int64),
        )
        .select(pl.exclude("reason"), "reason")
    )


def _balanced(row: dict[str, Any]) -> dict[str, Any]:
    if row["origin"] == "kept":
        return {**row, "id": row["call_id"], "call_id": None, "prompt_version": None}
    return {**row, "id": f"{row['id']}-made"}
