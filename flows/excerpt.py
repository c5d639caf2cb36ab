"""A few rows of each table of a batch, tree or release, in the order in which they are made, past all gates."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.names import AWARE, BALANCED, RELEASE, ROUTED, SEEDS
from evergrow.flows.automation import first_steps
from evergrow.flows.release import dataset_steps
from evergrow.flows.workspace import Workspace
from evergrow.resources.registry.recipes import Kind


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first kept `rows` of a table, `kept` and `rejected` being how many there are in all."""

    table: str
    partition: str
    kept: int
    rejected: int
    rows: pl.DataFrame


def excerpts(workspace: Workspace, kind: Kind, name: str, rows: int) -> Iterator[Excerpt]:
    """At most `rows` rows of each table that is made.

    Raises:
        dg.Failure: the file of a table is gone, or not what was written.
    """
    for key, partition in tables_of(workspace, kind, name):
        table = workspace.lake.ungated(workspace.instance, key, partition)
        if table is None:
            continue
        if "reason" not in table.collect_schema():
            table = table.with_columns(reason=pl.lit(None, pl.String))
        rejected = pl.col("reason").is_not_null()
        counts = table.select(all=pl.len(), rejected=rejected.sum())
        found = counts.collect().row(0, named=True)
        kept = table.filter(~rejected).drop("reason").head(rows).collect()
        yield Excerpt(key.to_user_string(), partition, found["all"] - found["rejected"], found["rejected"], kept)


def tables_of(workspace: Workspace, kind: Kind, name: str) -> Iterator[tuple[dg.AssetKey, str]]:
    """The tables of an owner, each with its partition, in the order in which they are made, whether they are or not."""
    if kind == "release":
        yield RELEASE, name
        return
    for step in first_steps(workspace, kind, name):
        yield from ((key, step.partition) for key in step.keys)
    if kind == "tree":
        yield from ((key, name) for key in (ROUTED, BALANCED, AWARE))
    else:
        yield from ((key, name) for step in dataset_steps(name) for key in step.keys if key != SEEDS)
