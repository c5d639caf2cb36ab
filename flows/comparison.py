"""Two batches on the same seeds, side by side: settings, stages, measures, cost, and the best row of each root."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from evergrow.assets.names import COLLECTED, MEASURES, round_name, stage_key
from evergrow.flows.recipes import known_recipe
from evergrow.flows.workspace import Workspace
from evergrow.resources.registry.batches import BatchError, staged
from evergrow.resources.settings.recipe import as_typed, differences

SCORES = ("complexity", "diversity", "value")


@dataclass(frozen=True, slots=True)
class BatchComparison:
    """Two batches; in every table the columns that end in `_a` and `_b` are theirs.

    Attributes:
        common, only_a, only_b: how many seeds both have, by their text, and each alone.
        settings: `setting, a, b`: in which their recipes differ.
        stages: `stage, rows_a, rows_b`, and `requested, failed, rejected` likewise: their funnels.
        scores: `stage, score, a, b`: means over the kept rows.
        measures: `stage, measure, a, b`: of `evergrow measure`, where both were measured.
        cost: `asset, requests_a, requests_b`, and tokens and usd likewise, null where a price is unknown.
        rows: `root_a, root_b, seed, a, b`, and the scores of each: the best row of each common root.
    """

    common: int
    only_a: int
    only_b: int
    settings: pl.DataFrame
    stages: pl.DataFrame
    scores: pl.DataFrame
    measures: pl.DataFrame
    cost: pl.DataFrame
    rows: pl.DataFrame


def compare(workspace: Workspace, a: str, b: str) -> BatchComparison:
    """The comparison of two batches.

    Raises:
        UnknownBatch: one of them is not registered.
        BatchError: they have no seed in common.
    """
    seeds = [
        staged(workspace.registry, name).read().select("content", root="id").unique("content", keep="first")
        for name in (a, b)
    ]
    pairs = seeds[0].join(seeds[1], on="content", suffix="_b", maintain_order="left").rename({"root": "root_a"})
    if pairs.is_empty():
        raise BatchError(
            f"batches {a!r} and {b!r} have no seed in common: register the seeds of one under another name and run "
            "that with the other settings, then compare"
        )
    return BatchComparison(
        common=pairs.height,
        only_a=seeds[0].height - pairs.height,
        only_b=seeds[1].height - pairs.height,
        settings=_settings(workspace, a, b),
        stages=_stages(workspace, a, b),
        scores=_scores(workspace, a, b),
        measures=_measures(workspace, a, b),
        cost=_cost(workspace, a, b),
        rows=_rows(workspace, a, b, pairs),
    )


def _settings(workspace: Workspace, a: str, b: str) -> pl.DataFrame:
    mine, theirs = (known_recipe(workspace, name, "batch").values for name in (a, b))
    rows = [(path, as_typed(one), as_typed(other)) for path, (one, other) in differences(mine, theirs).items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(("setting", "a", "b"), pl.String), orient="row")


def _stages(workspace: Workspace, a: str, b: str) -> pl.DataFrame:
    numbers = ("requested", "failed", "rejected", "accepted")
    funnels = [workspace.funnel(name).select("stage", *numbers) for name in (a, b)]
    return _beside(funnels, on=["stage"])


def _scores(workspace: Workspace, a: str, b: str) -> pl.DataFrame:
    schema = {"stage": pl.String, "score": pl.String, "mean": pl.Float64}
    means = [pl.DataFrame(list(_means(workspace, name)), schema=schema, orient="row") for name in (a, b)]
    return _beside(means, on=["stage", "score"]).rename({"mean_a": "a", "mean_b": "b"})


def _means(workspace: Workspace, batch: str) -> Iterator[tuple[str, str, float | None]]:
    rounds = [(round_name(n), stage_key(n, "accepted")) for n in workspace.made_rounds(batch)]
    for stage, key in (*rounds, ("collected", COLLECTED)):
        table = workspace.lake.ungated(workspace.instance, key, batch, "kept")
        if table is not None:
            known = [name for name in SCORES if name in table.collect_schema()]
            found = table.select(pl.col(known).mean()).collect().row(0, named=True)
            yield from ((stage, name, value) for name, value in found.items())


def _measures(workspace: Workspace, a: str, b: str) -> pl.DataFrame:
    tables = [workspace.lake.ungated(workspace.instance, MEASURES, f"batch:{name}", "kept") for name in (a, b)]
    empty = pl.DataFrame(schema={"stage": pl.String, "measure": pl.String, "value": pl.Float64})
    found = [empty if one is None else one.select("stage", "measure", "value").collect() for one in tables]
    both = found[0].join(found[1], on=["stage", "measure"], suffix="_b", maintain_order="left")
    return both.rename({"value": "a", "value_b": "b"})


def _cost(workspace: Workspace, a: str, b: str) -> pl.DataFrame:
    with workspace.ledger() as ledger:
        costs = ledger.costs.grouped(group_by=("batch", "kind", "asset")).filter(pl.col("kind") == "batch")
    tokens = (pl.col("tokens_in") + pl.col("tokens_out")).alias("tokens")
    costs = costs.select("batch", "asset", pl.col("calls").alias("requests"), tokens, "usd")
    each = [costs.filter(pl.col("batch") == name).drop("batch") for name in (a, b)]
    return _beside(each, on=["asset"])


def _rows(workspace: Workspace, a: str, b: str, pairs: pl.DataFrame) -> pl.DataFrame:
    """The best row of each common root: by value among what is collected, or accepted in the last round so far."""
    found = pairs.rename({"content": "seed"})
    for side, name in (("a", a), ("b", b)):
        best = _best(workspace, name).rename({"content": side, **{score: f"{score}_{side}" for score in SCORES}})
        found = found.join(best, left_on=f"root_{side}", right_on="root_id", how="left", maintain_order="left")
    return found.select("root_a", "root_b", "seed", "a", "b", *(f"{score}_{s}" for score in SCORES for s in "ab"))


def _best(workspace: Workspace, batch: str) -> pl.DataFrame:
    rounds = [stage_key(n, "accepted") for n in reversed(workspace.made_rounds(batch))]
    for key in (COLLECTED, *rounds):
        table = workspace.lake.ungated(workspace.instance, key, batch, "kept")
        if table is not None:
            columns = ("root_id", "content", *SCORES)
            return table.select(columns).collect().sort("value", descending=True, nulls_last=True).unique(
                "root_id", keep="first", maintain_order=True
            )  # fmt: skip
    schema: dict[str, Any] = {"root_id": pl.String, "content": pl.String, **dict.fromkeys(SCORES, pl.Float64)}
    return pl.DataFrame(schema=schema)


def _beside(tables: list[pl.DataFrame], on: list[str]) -> pl.DataFrame:
    """Both tables by `on`, rows of either kept, the columns of each with its suffix, pairs of columns together."""
    names = [name for name in tables[0].columns if name not in on]
    mine, theirs = (t.rename({n: f"{n}_{side}" for n in names}) for t, side in zip(tables, "ab", strict=True))
    joined = mine.join(theirs, on=on, how="full", coalesce=True, maintain_order="left_right")
    return joined.select(*on, *(f"{name}_{side}" for name in names for side in "ab"))
