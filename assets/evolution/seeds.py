"""The seeds of a batch: what was registered under its name, as the roots of its trees."""

import dagster as dg
import polars as pl

from evergrow.assets.names import SAMPLES, SEEDS
from evergrow.assets.table import Declaration, Table
from evergrow.resources.place import Place
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.registry import Registry

DOMAINS = {"code": "code", "question": "code", "instruction": "general"}  # of a seed that names none, by its kind
KNOWN_DOMAINS = "domains"  # metadata: the domains of the seeds


def seeds_table() -> Table:
    """`evolution/seeds`."""
    # A batch may be registered from a tree: the graph shows it. No partition is named, so that none waits or is stale.
    grown = dg.AssetDep(SAMPLES, partition_mapping=dg.SpecificPartitionsPartitionMapping([]))
    return Declaration(key=SEEDS, kind="batch", group="seeds", job="seeds", files=_registered, deps=(grown,)).table(
        seeds
    )


def seeds(context: dg.AssetExecutionContext, registry: dg.ResourceParam[Registry]) -> pl.DataFrame:
    """One row per root: `id, root_id, batch, domain, kind, content`, its source, and the extra columns of its file."""
    batch = staged(registry, context.partition_key)
    registered = batch.read()
    domain = pl.col("kind").replace_strict(DOMAINS)
    if "domain" in registered.columns:
        domain = pl.coalesce("domain", domain)
    first = ["id", "root_id", "batch", "domain", "kind", "content"]
    rows = registered.with_columns(root_id="id", batch=pl.lit(context.partition_key), domain=domain)
    context.add_output_metadata(
        {
            "origin": batch.origin,
            "registered": batch.staged_at.isoformat(),
            KNOWN_DOMAINS: dg.MetadataValue.json(sorted(rows["domain"].unique())),
        }
    )
    return rows.select(*first, pl.exclude(first))


def _registered(place: Place) -> dict[str, str]:
    return {"what is registered as its seeds": staged(place.registry, place.owner).digest}
