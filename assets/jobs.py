"""The jobs: one for each round, level and other table, named and described as the table says."""

from collections.abc import Iterable
from itertools import groupby

import dagster as dg

from evergrow.assets.table import Table
from evergrow.resources.host.dagster_private import UnresolvedAssetJobDefinition


def jobs_of(tables: Iterable[Table]) -> list[UnresolvedAssetJobDefinition]:
    """A job for each name that tables give, over all tables that give it, with their gates."""
    named = sorted(tables, key=lambda table: table.job)
    return [_job(name, list(group)) for name, group in groupby(named, key=lambda table: table.job)]


def _job(name: str, tables: list[Table]) -> UnresolvedAssetJobDefinition:
    made = ", ".join(table.key.to_user_string() for table in tables)
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(*(table.asset for table in tables)),
        description=f"Makes {made} of a {tables[0].kind}, and has the gates judge it.",
    )
