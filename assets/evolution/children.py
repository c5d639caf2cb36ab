"""The children of a round as far as it has come, for looking: screened or not, scored or not, past all gates."""

import dagster as dg
import polars as pl

from evergrow.assets.names import stage_key
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.settings.growth import MAX_ROUNDS

# What a later table of an unfinished round adds; its reason comes after those of the tables before it.
SCORED = {
    "complexity": ("complexity", "complexity_reason", "judge_model", "judge_call_id"),
    "diversity": ("diversity", "nearest_id", "embedding_model"),
}


def begun_rounds(instance: dg.DagsterInstance, batch: str) -> list[int]:
    """Rounds of the batch that have children, whatever gates say."""
    numbers = range(1, MAX_ROUNDS + 1)
    return [n for n in numbers if latest_materialization(instance, stage_key(n, "instructions"), batch)]


def children(
    instance: dg.DagsterInstance, lake: Lake, batch: str, round_no: int
) -> tuple[dg.AssetKey, pl.LazyFrame] | None:
    """All children of a round, rejected ones with their reason, and the last table that knows them; None if none does.

    A round that came to its end has them in `accepted`. One that was stopped, by a gate or otherwise, has them in the
    tables before; those that were made before its present children tell of others, and are passed over.
    """
    keys = [stage_key(round_no, stage) for stage in ("instructions", *SCORED, "accepted")]
    records = [latest_materialization(instance, key, batch) for key in keys]
    first, *_, last = records
    if last is not None and (first is None or last.storage_id > first.storage_id):
        return keys[-1], lake.version(last, "all")
    if first is None:
        return None
    rows, known, before = lake.version(first, "all"), keys[0], first.storage_id
    for key, record, columns in zip(keys[1:-1], records[1:-1], SCORED.values(), strict=True):
        if record is None or record.storage_id < before:
            break
        table = lake.version(record, "all")
        reason = pl.col("reason") if "reason" in table.collect_schema() else pl.lit(None, pl.String)
        told = table.select("id", *columns, unscored=reason)
        rows = rows.join(told, on="id", how="left", maintain_order="left")
        rows = rows.with_columns(reason=pl.coalesce("reason", "unscored")).drop("unscored")
        known, before = key, record.storage_id
    return known, rows
