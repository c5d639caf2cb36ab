"""The seeds of a batch: what was registered under its name, as the roots of its trees."""

import dagster as dg
import polars as pl

from evergrow.assets.names import BATCHES, SEEDS
from evergrow.resources.lake.versions import DIGEST
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.registry import Registry

DOMAINS = {"code": "code", "question": "code", "instruction": "general"}  # of a seed that names none, by its kind


@dg.asset(key=SEEDS, partitions_def=BATCHES, group_name="seeds", kinds={"polars"})
def seeds(context: dg.AssetExecutionContext, registry: dg.ResourceParam[Registry]) -> pl.DataFrame:
    """One row per root: `id, root_id, batch, domain, kind, content`, its source, and the extra columns of its file."""
    batch = staged(registry, context.partition_key)
    registered = batch.read()
    context.add_output_metadata(
        {"origin": batch.origin, DIGEST: batch.digest, "registered": batch.staged_at.isoformat()}
    )
    domain = pl.col("kind").replace_strict(DOMAINS)
    if "domain" in registered.columns:
        domain = pl.coalesce("domain", domain)
    first = ["id", "root_id", "batch", "domain", "kind", "content"]
    rows = registered.with_columns(root_id="id", batch=pl.lit(context.partition_key), domain=domain)
    return rows.select(*first, pl.exclude(first))


seeds_job = dg.define_asset_job(
    "seeds", selection=dg.AssetSelection.assets(seeds), description="Loads a registered batch."
)
