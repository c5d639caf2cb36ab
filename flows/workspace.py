"""What every command works on: settings, the home folder, the project's Dagster instance, its tables and its ledger."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
import polars as pl

from evergrow.assets.definitions import build_definitions
from evergrow.assets.funnel import funnel, made_rounds
from evergrow.assets.names import BATCHES_NAME, RELEASE, SAMPLES, shard_names, shard_partition
from evergrow.resources.host.home import Home
from evergrow.resources.host.progress import Progress
from evergrow.resources.lake.lake import Lake, Rows
from evergrow.resources.lake.readable import GATES
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.batches import staged, staged_batches
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import tree_spec
from evergrow.resources.settings import Settings


class UnknownTable(Exception):  # noqa: N818 - it names what is unknown, as UnknownBatch does
    """There is no asset of that key; the message lists those that there are."""


@dataclass(frozen=True)
class Workspace:
    """A project as the command sees it."""

    settings: Settings
    instance: dg.DagsterInstance
    progress: Progress

    @cached_property
    def home(self) -> Home:
        """The folders of EVERGROW_HOME."""
        return Home(self.settings.home)

    @cached_property
    def lake(self) -> Lake:
        """Where the tables are."""
        return Lake.of(self.settings)

    @cached_property
    def registry(self) -> Registry:
        """What users have registered."""
        return Registry.of(self.settings)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """What Dagster knows, for these settings."""
        return build_definitions(self.settings, self.progress, caller_holds_lock=True)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, open."""
        with closing(Ledger.of(self.settings)) as ledger:
            yield ledger

    def batches(self) -> list[str]:
        """Names of all registered batches."""
        return [batch.batch for batch in staged_batches(self.registry)]

    def require_batch(self, batch: str) -> str:
        """`batch`, if it is registered.

        Raises:
            UnknownBatch: it is not.
        """
        return self.add_partition(staged(self.registry, batch).batch)

    def add_partition(self, batch: str) -> str:
        """Make the batch known to Dagster; returns its name."""
        self.instance.add_dynamic_partitions(BATCHES_NAME, [batch])
        return batch

    def table(self, key: dg.AssetKey, partition: str | None, rows: Rows = "kept") -> pl.LazyFrame:
        """A table of the lake, through its gate.

        Raises:
            UnknownTable: no asset has that key.
            dg.Failure: it was never made, or its gate is not passed.
        """
        self.require_table(key)
        gates = self.definitions.resolve_asset_graph().get(key).metadata.get(GATES, ())
        return self.lake.scan(self.instance, key, partition, gates, rows)

    def require_table(self, key: dg.AssetKey) -> None:
        """Do nothing if there is such a table.

        Raises:
            UnknownTable: no asset has that key.
        """
        graph = self.definitions.resolve_asset_graph()
        if not graph.has(key):
            known = ", ".join(sorted(k.to_user_string() for k in graph.get_all_asset_keys()))
            raise UnknownTable(f"there is no table {key.to_user_string()!r}; there are: {known}")

    def partition_table(self, key: dg.AssetKey, partition: str | None, rows: Rows = "kept") -> pl.LazyFrame:
        """A table as a user names it, through its gate: of a batch, of a tree, of all shards of a tree, or the release.

        Raises:
            UnknownTable, UnknownBatch, UnknownTree: what is named does not exist, or no partition is named.
            dg.Failure: it was never made, or its gate is not passed.
        """
        self.require_table(key)
        if key == RELEASE and partition is None:
            return self.table(key, None, rows)
        if partition is None:
            raise UnknownTable(f"{key.to_user_string()} has a table per batch or tree: name one with --partition")
        if key == RELEASE:
            raise UnknownTable(f"{key.to_user_string()} is one table of all its batches: leave out --partition")
        if key.path[0] != "treesynth":
            self.require_batch(partition)
            return self.table(key, partition, rows)
        _, separator, tree = partition.rpartition("|")
        tree_spec(self.registry, tree)
        if key != SAMPLES or separator:
            return self.table(key, partition, rows)
        names = shard_names(self.settings.treesynth.shards)
        return pl.concat([self.table(key, shard_partition(tree, name), rows) for name in names])

    def made_rounds(self, batch: str) -> list[int]:
        """Rounds of the batch that have an accepted table, whatever its gate says."""
        return made_rounds(self.instance, batch)

    def funnel(self, batch: str) -> pl.DataFrame:
        """Where the rows of the batch went, see `assets.funnel`."""
        return funnel(self.instance, self.lake, batch)


@contextmanager
def open_workspace(settings: Settings, progress: Progress) -> Iterator[Workspace]:
    """The workspace of these settings, its home folder made and checked.

    Raises:
        HomeError: the home folder cannot be used.
        LedgerError: the database cannot be opened.
    """
    home = Home(settings.home).ensure()
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        workspace = Workspace(settings, instance, progress)
        with closing(workspace.registry):
            yield workspace
