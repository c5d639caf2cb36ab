"""Records of the research code of Tree-of-Evolution: names with spaces, path ids, scores (method.md A.1)."""

import polars as pl

from evergrow.methods.text import ids

OURS = {
    "self complexity score": "complexity",
    "self complexity judge": "complexity_reason",
    "self diversity score": "diversity",
    "parent complexity score": "parent_complexity",
    "parent diversity score": "parent_diversity",
}
COMPLEXITY, JUDGE, DIVERSITY = list(OURS)[:3]


def are_records(names: list[str]) -> bool:
    """Whether a table with these columns holds such records."""
    return "id" in names and not {COMPLEXITY, "parent complexity score"}.isdisjoint(names)


def scores(records: pl.DataFrame) -> pl.DataFrame:
    """`complexity` (1 to 10) and `diversity` (0 to 1, clamped) of each record, Float64; null where it has none.

    What is no number in its range is no score: the research code keeps answers such as `inf` and `99`.
    """

    def number(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Float64, strict=False) if name in records.columns else pl.lit(None, pl.Float64)

    complexity, diversity = number(COMPLEXITY), number(DIVERSITY)
    return records.select(
        complexity=pl.when(complexity.is_between(1, 10)).then(complexity),
        diversity=pl.when(diversity.is_finite() & (diversity >= 0)).then(diversity.clip(0, 1)),
    )


def as_records(rows: pl.DataFrame) -> pl.DataFrame:
    """Samples of a round as such records, ids as their author's seeds have them: `613993_0_2`.

    Args:
        rows: `id, content` and what there is of the names in `OURS`.
    """
    kept = [pl.col(ours).alias(theirs) for theirs, ours in OURS.items() if ours in rows.columns]
    paths = pl.Series("id", [_path_id(name) for name in rows["id"]], dtype=pl.String)
    return rows.select(
        paths,
        "content",
        *kept,
        root_node=paths.str.split("_").list.first(),
        layer=paths.str.count_matches("_", literal=True),
    )


def _path_id(sample_id: str) -> str:
    """The id with its seed's own spelling, so that a record that was continued goes on in its own tree."""
    root = ids.root_id(sample_id)
    return ids.unescape_seed_id(root) + sample_id[len(root) :]
