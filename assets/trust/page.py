"""The explorer's page as an asset: one HTML file and its rows, which lie in the lake beside the data."""

import dagster as dg
import polars as pl

from evergrow.assets.dataset.clean import as_rules
from evergrow.assets.names import MAP, PAGE
from evergrow.assets.table import Table
from evergrow.assets.trust.explorer import explorer, page_version
from evergrow.assets.trust.scene import Rows, rows_of, scene_of
from evergrow.assets.trust.set_table import set_table
from evergrow.methods.quality.rules import RULES_VERSION, CleaningRules
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.files_out import as_plain
from evergrow.resources.lake.lake import Lake
from evergrow.resources.place import Places


def page_table() -> Table:
    """`quality/page`, which has no gate: nothing is built on it."""
    return set_table(PAGE, "map", quality_page, after=[MAP])


def quality_page(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """One row: the files in the lake that hold the explorer's page and its rows, and what they were made of."""
    place = places.at(context, PAGE)
    rows, embedder, rules = rows_of(place, lake), embedders.at(place), as_rules(place.settings.cleaning)
    shown = scene_of(rows, context.instance, lake, embedder, rules)
    folder = "/".join([*PAGE.path, rows.of])
    page = lake.files.put_bytes(folder, ".html", explorer(shown).encode())
    data, _ = lake.files.put(folder, ".parquet", lambda file: as_plain(shown.rows).write_parquet(file))
    kind, _, name = rows.of.partition(":")
    context.add_output_metadata(
        {
            "page": dg.MetadataValue.path(lake.locate(page)),
            "page_rows": dg.MetadataValue.path(lake.locate(data)),
            "open": dg.MetadataValue.md(f"`evergrow explore --{kind} {name}` serves it while it is of today's rows"),
        }
    )
    return pl.DataFrame(
        {"page": page, "data": data, "shown": shown.rows.height, "made_of": made_of(rows, embedder, rules)}
    )


def made_of(rows: Rows, embedder: Embedder, rules: CleaningRules) -> str:
    """What tells a page of these rows from others: what is withheld, how they are embedded, and its own code count."""
    return rows.digest(repr(rules), str(RULES_VERSION), embedder.identity, page_version())
