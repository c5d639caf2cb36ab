"""What every command works on: settings, the home folder, the project's Dagster instance, its tables and its ledger."""

import difflib
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import dagster as dg
import polars as pl

from evergrow.assets.dataset.funnel import funnel, made_rounds
from evergrow.assets.names import BATCHES_NAME, MAIN, SAMPLES, shard_names, shard_partition
from evergrow.flows.due import Frontier
from evergrow.resources.host.home import Home
from evergrow.resources.host.progress import LogProgress, Progress
from evergrow.resources.lake.lake import Lake, Rows
from evergrow.resources.ledger import Ledger
from evergrow.resources.registry.batches import staged, staged_batches
from evergrow.resources.registry.owner_names import owner
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
    frontier: Frontier
    build: Callable[[Frontier], dg.Definitions] | None = None
    progress: Progress = field(default_factory=lambda: LogProgress(logging.getLogger("evergrow")))

    @cached_property
    def home(self) -> Home:
        """The folders of EVERGROW_HOME."""
        return Home(self.settings.home)

    @property
    def registry(self) -> Registry:
        """What users have registered."""
        return self.frontier.registry

    @cached_property
    def lake(self) -> Lake:
        """Where the tables are, guarded by what is due."""
        return Lake.of(self.settings, self.frontier)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """What Dagster knows, for these settings."""
        if self.build is None:
            raise ValueError("this workspace runs nothing")
        return self.build(self.frontier)

    def partitions(self, key: dg.AssetKey, owner: str) -> list[str]:
        """The partitions of a table that belong to a batch, tree or release."""
        if key != SAMPLES:
            return [owner]
        settings, _ = self.frontier.recipes.of("tree", owner)
        return [shard_partition(owner, name) for name in shard_names(settings.treesynth.shards)]

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
            dg.Failure: it was never made, it must be made again, or its gate is not passed.
        """
        self.require_table(key)
        return self.lake.scan(self.instance, key, partition, rows)

    def require_table(self, key: dg.AssetKey) -> None:
        """Do nothing if there is such a table.

        Raises:
            UnknownTable: there is none; the message names one that is like it.
        """
        if key in self.frontier.tables:
            return
        names = [known.to_user_string() for known in self.frontier.tables]
        near = difflib.get_close_matches(key.to_user_string(), names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(names))}"
        raise UnknownTable(f"there is no table {key.to_user_string()!r}; {hint}")

    def partition_table(self, key: dg.AssetKey, partition: str | None, rows: Rows = "kept") -> pl.LazyFrame:
        """A table as a user names it, through its gate: of a batch, a tree, all shards of a tree, or a release.

        Raises:
            UnknownTable, UnknownBatch, UnknownTree: what is named does not exist, or no partition is named.
            dg.Failure: it was never made, or its gate is not passed.
        """
        self.require_table(key)
        known = self.frontier.tables[key]
        if known.kind == "release":
            return self.table(key, partition or MAIN, rows)
        if partition is None:
            raise UnknownTable(f"{key.to_user_string()} has a table per {known.kind}: name one with --partition")
        if known.kind in ("model", "set"):
            return self.table(key, partition, rows)
        if known.kind == "batch":
            self.require_batch(partition)
            return self.table(key, partition, rows)
        tree_spec(self.registry, owner(partition))
        if key != SAMPLES or "|" in partition:
            return self.table(key, partition, rows)
        return pl.concat([self.table(key, shard, rows) for shard in self.partitions(key, partition)])

    def made_rounds(self, batch: str) -> list[int]:
        """Rounds of the batch that have an accepted table, whatever its gate says."""
        return made_rounds(self.instance, batch)

    def funnel(self, batch: str, release: str | None = MAIN) -> pl.DataFrame:
        """Where the rows of the batch went, see `assets.dataset.funnel`."""
        return funnel(self.instance, self.lake, batch, release)
