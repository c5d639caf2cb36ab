"""Which rows bans concern: those of a release by what its own version says of them, all others by any stage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from evergrow.assets.dataset.banned import may_come_back, why_not_in_release
from evergrow.assets.names import RELEASE
from evergrow.flows.descendants import descendants
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.bans import Ban
from evergrow.resources.registry.exports import Export, exported_rows

KEY = ["batch", "id"]


@dataclass
class Concerned:
    """The rows that descend from what is `wanted` to be banned, as tables are now."""

    workspace: Workspace
    wanted: Sequence[Ban]
    _releases: dict[str, pl.DataFrame | None] = field(default_factory=dict)

    @cached_property
    def everywhere(self) -> pl.DataFrame:
        """`batch, id, stage, why`, as `descendants` finds them."""
        return descendants(self.workspace, self.wanted)

    def held_by_release(self, name: str) -> int:
        """How many such rows the version of a release holds that there is."""
        told = self._release(name)
        return 0 if told is None else told.filter(pl.col("reason").is_null() & pl.col("why").is_not_null()).height

    def left_out_no_more(self, name: str) -> int:
        """How many rows a release left out by other bans than these."""
        told = self._release(name)
        return 0 if told is None else may_come_back(told, told["why"])

    def held_by_export(self, export: Export) -> pl.DataFrame:
        """`batch, id` of such rows of an export: what its release knows of a row goes before what other tables do.

        Raises: as `exported_rows`.
        """
        rows = exported_rows(export).select(KEY)
        told = self._release(export.release) if export.answered else None
        if told is None:
            return rows.join(self.everywhere, on=KEY, how="semi")
        known = rows.join(told.filter(pl.col("why").is_not_null()), on=KEY, how="semi")
        others = rows.join(told, on=KEY, how="anti")  # of an earlier version: only for them are other tables read
        return known if others.is_empty() else known.vstack(others.join(self.everywhere, on=KEY, how="semi"))

    def _release(self, name: str) -> pl.DataFrame | None:
        """`batch, id, reason, why` of all rows of a release, those that it leaves out too; None if there is none."""
        if name not in self._releases:
            self._releases[name] = self._told(name)
        return self._releases[name]

    def _told(self, name: str) -> pl.DataFrame | None:
        instance, lake = self.workspace.instance, self.workspace.lake
        version = latest_materialization(instance, RELEASE, name)
        if version is None:
            return None
        rows = lake.version(version, "all").collect()
        return rows.select(*KEY, "reason", why=why_not_in_release(instance, lake, version, rows, self.wanted))
