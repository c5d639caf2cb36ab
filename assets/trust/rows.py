"""Every row of a batch, a tree or a release as it stands today, for looking: rejected ones too, past all gates."""

from collections.abc import Sequence
from contextlib import suppress

import dagster as dg
import polars as pl

from evergrow.assets.dataset.banned import as_banned
from evergrow.assets.evolution.children import begun_rounds, children
from evergrow.assets.names import (
    CLEAN,
    COLLECTED,
    RELEASE,
    RESPONSES,
    SAMPLES,
    SEEDS,
    VERIFIED,
    round_name,
    stage_key,
)
from evergrow.methods.releasing.descent import why_banned
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.readable import GateClosed, Outdated
from evergrow.resources.registry.bans import Ban
from evergrow.resources.registry.owner_names import owner

# What a later table adds to a row; the last table that has a row says why it went no further.
LATER = (
    (COLLECTED, ()),
    (RESPONSES, ("task", "response", "responder_model")),
    (VERIFIED, ("verdict", "verdict_detail", "agreement", "final_answer")),
    (CLEAN, ("benchmark", "duplicate_of")),
)
ROW = ("batch", "id")
OF_ROOT = ("license", "leaf_id")  # that rows have from their root
DESCENT = (*ROW, "root_id", *OF_ROOT, "responder_model", "generator_model")
COLUMNS = (
    *("id", "batch", "root_id", "parent_id", "stage", "reached", "state", "reason", "domain", "task", "round"),
    *("content", "response", "complexity", "diversity", "value", "complexity_reason", "parent_complexity"),
    *("parent_diversity", "nearest_id", "verdict", "verdict_detail", "agreement", "final_answer", "adherence"),
    *("split", "tree", "leaf_id", "attributes", "origin", "license", "source", "benchmark", "duplicate_of"),
    *("generator_model", "judge_model", "embedding_model", "responder_model", "prompt_version"),
    *("call_id", "judge_call_id", "run_id"),
)  # those of them that any row has, in this order


class NothingToShow(dg.Failure):
    """There is nothing of a batch, a tree or a release yet; the message names it and the remedy."""

    def __init__(self, of: str) -> None:
        kind, _, name = of.partition(":")
        remedy = {"tree": f"tree grow {name}", "release": f"release --name {name}"}.get(kind, f"run --batch {name}")
        super().__init__(f"there is nothing of {kind} {name!r} yet: `evergrow {remedy}` makes it", allow_retries=False)


class AllForgotten(dg.Failure):
    """All rows of a batch, a tree or a release descend from something banned."""

    def __init__(self, of: str) -> None:
        kind, _, name = of.partition(":")
        super().__init__(f"all rows of {kind} {name!r} were forgotten: none may be shown", allow_retries=False)


def set_rows(instance: dg.DagsterInstance, lake: Lake, of: str, forbidden: Sequence[Ban]) -> pl.DataFrame:
    """One row for each row that there is or was, in a steady order: those of `COLUMNS` that any has.

    `stage` is the table that made the row, `reached` the last one that has it, `reason` why it was left out there, and
    `state` the first word of that, or `kept`; rows that a closed gate holds up are `gated`, those of a round that was
    stopped `unfinished`. `attributes` is text. A release comes with the ancestors of its rows.

    Args:
        instance: whose event log says what is current.
        lake: where the tables are.
        of: `batch:B`, `tree:T` or `release:N`.
        forbidden: what is banned; rows that descend from it are left out.

    Raises:
        NothingToShow: there is none.
        AllForgotten: there is none that is not banned.
    """
    kind, _, name = of.partition(":")
    found = {"batch": _batch, "tree": _samples, "release": _release}[kind](instance, lake, name)
    if found is None:
        raise NothingToShow(of)
    rows = _allowed(found, forbidden)
    if rows.is_empty() and not found.is_empty():
        raise AllForgotten(of)
    return _shown(rows)


def _allowed(rows: pl.DataFrame, forbidden: Sequence[Ban]) -> pl.DataFrame:
    """Rows that descend from nothing banned; `rows` come with all their ancestors."""
    if not forbidden:
        return rows
    known = (pl.col(name) if name in rows.columns else pl.lit(None).alias(name) for name in DESCENT)
    told = rows.select(column.cast(pl.String) for column in known)
    roots = told.filter(rows["stage"] == "seeds").group_by("batch", "root_id").agg(pl.col(OF_ROOT).drop_nulls().first())
    joined = told.join(roots, on=["batch", "root_id"], how="left", suffix="_root", maintain_order="left")
    told = joined.with_columns(pl.coalesce(name, f"{name}_root") for name in OF_ROOT)
    written = told.select(*ROW, "generator_model").drop_nulls()
    return rows.filter(why_banned(told, as_banned(forbidden), written).is_null())


def _batch(instance: dg.DagsterInstance, lake: Lake, batch: str) -> pl.DataFrame | None:
    seeds = _table(instance, lake, SEEDS, batch)
    made = [] if seeds is None else [("seeds", seeds)]
    made += [
        (round_name(number), _gated(instance, lake, *found, batch, stage_key(number, "accepted")))
        for number in begun_rounds(instance, batch)
        if (found := children(instance, lake, batch, number)) is not None
    ]
    if not made:
        return None
    every = [table.with_columns(stage=pl.lit(stage), reached=pl.lit(stage)) for stage, table in made]
    rows = pl.concat([_plain(table) for table in every], how="diagonal_relaxed")
    for key, columns in LATER:
        if (table := _table(instance, lake, key, batch)) is not None:
            rows = _taken_on(rows, table.with_columns(batch=pl.lit(batch)), key.path[-1], columns)
    return rows


def _taken_on(rows: pl.DataFrame, table: pl.DataFrame, stage: str, columns: Sequence[str]) -> pl.DataFrame:
    """Rows with what a later table says of those that it has."""
    there = [name for name in columns if name in table.columns]
    reason = pl.col("reason") if "reason" in table.columns else pl.lit(None, pl.String)
    later = table.select(*ROW, *there, reached=pl.lit(stage), later_reason=reason)
    joined = rows.join(later, on=ROW, how="left", suffix="_later", maintain_order="left")
    came = pl.col("reached_later").is_not_null()
    own = pl.col("reason") if "reason" in rows.columns else pl.lit(None, pl.String)
    repeated = [name for name in there if name in rows.columns]
    return joined.with_columns(
        pl.coalesce("reached_later", "reached").alias("reached"),
        pl.when(came).then("later_reason").otherwise(own).alias("reason"),
        *(pl.coalesce(f"{name}_later", name).alias(name) for name in repeated),
    ).drop("reached_later", "later_reason", *(f"{name}_later" for name in repeated))


def _samples(instance: dg.DagsterInstance, lake: Lake, tree: str) -> pl.DataFrame | None:
    shards = sorted(shard for shard in instance.get_materialized_partitions(SAMPLES) if owner(shard) == tree)
    made = [table for shard in shards if (table := _table(instance, lake, SAMPLES, shard)) is not None]
    if not made:
        return None
    rows = pl.concat([_plain(table) for table in made], how="diagonal_relaxed")
    return rows.with_columns(stage=pl.lit("samples"), reached=pl.lit("samples"), batch=pl.lit(tree))


def _release(instance: dg.DagsterInstance, lake: Lake, name: str) -> pl.DataFrame | None:
    table = _table(instance, lake, RELEASE, name)
    if table is None or table.is_empty():
        return None
    batches = [_batch(instance, lake, batch) for batch in table["batch"].unique(maintain_order=True)]
    rows = pl.concat([batch for batch in batches if batch is not None], how="diagonal_relaxed")
    rows = _taken_on(rows, _plain(table), RELEASE.path[-1], ("split", "license", "task", "response", "verdict"))
    wanted = table.select(ROW)
    parents = rows.select("batch", "id", "parent_id") if "parent_id" in rows.columns else rows.select(ROW).clear()
    step = wanted
    while "parent_id" in parents.columns and step.height:  # at most as often as there are rounds
        step = parents.join(step, on=ROW, how="semi").select("batch", id="parent_id").drop_nulls().unique()
        step = step.join(wanted, on=ROW, how="anti")
        wanted = pl.concat([wanted, step])
    return rows.join(wanted, on=ROW, how="semi", maintain_order="left")


def _table(instance: dg.DagsterInstance, lake: Lake, key: dg.AssetKey, partition: str) -> pl.DataFrame | None:
    table = lake.ungated(instance, key, partition)
    return None if table is None else _gated(instance, lake, key, table, partition, key)


def _gated(
    instance: dg.DagsterInstance, lake: Lake, key: dg.AssetKey, table: pl.LazyFrame, partition: str, last: dg.AssetKey
) -> pl.DataFrame:
    """The rows of a table; those that were kept have a reason too, where a gate holds them up, or `last` is to come."""
    why = f"unfinished: {last.to_user_string()} is not made of them yet" if key != last else None
    try:
        with suppress(Outdated):  # what must be made again may be looked at; `evergrow status` says what is due
            if lake.guard:
                lake.current(instance, key, partition)
    except GateClosed as closed:
        why = f"gated: {closed.description}"
    if why is None:
        return table.collect()
    reason = pl.col("reason") if "reason" in table.collect_schema() else pl.lit(None, pl.String)
    return table.with_columns(reason=pl.coalesce(reason, pl.lit(why))).collect()


def _plain(table: pl.DataFrame) -> pl.DataFrame:
    """The columns that are shown, attributes as text; seeds of anybody's file may have columns of the same names."""
    found = table.select(name for name in COLUMNS if name in table.columns)
    kind = found.schema.get("attributes")
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        each = pl.format("{}: {}", pl.element().struct.field("dimension"), pl.element().struct.field("value"))
        return found.with_columns(pl.col("attributes").list.eval(each).list.join("\n"))
    return found


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    reason = pl.col("reason") if "reason" in rows.columns else pl.lit(None, pl.String)
    rows = rows.with_columns(state=pl.coalesce(reason.str.extract(r"^(\w+)"), pl.lit("kept")))
    return rows.select(name for name in COLUMNS if name in rows.columns and rows[name].null_count() < rows.height)
