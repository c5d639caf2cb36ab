"""Balance: leaves that hold too much are thinned, those that hold too little are filled (method.md B.12, phase 2)."""

from collections.abc import Mapping, Sequence

import polars as pl

from evergrow.methods.treesynth.draws import derived
from evergrow.methods.treesynth.quotas import largest_remainder, natural_target

PER_LEAF, PER_LIST = 10, 5


def balance_quotas(leaves: pl.DataFrame, rows: int | None) -> dict[str, int]:
    """How many rows each leaf is to hold, by its id.

    Without `rows` every leaf gets `10 * 5 ** k` (method.md B.12); with it, exactly `rows` are shared out in that
    proportion.

    leaves: `id, list_nodes`.
    """
    ids = leaves["id"].to_list()
    weights = [natural_target(k, PER_LEAF, PER_LIST) for k in leaves["list_nodes"]]
    shares = weights if rows is None else largest_remainder(weights, rows, ids)
    return dict(zip(ids, shares, strict=True))


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
