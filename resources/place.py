"""Where a partition of a table stands: whose it is, and the settings that its recipe makes."""

from dataclasses import dataclass
from typing import Any, Protocol

import dagster as dg

from evergrow.resources.host.home import Home
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """One partition of a table.

    Attributes:
        key: the table's.
        partition: as Dagster has it; None for a table without partitions.
        owner: the batch, tree or release that it belongs to.
        settings: those of the machine, with the owner's recipe.
        recipe: the version of the recipe; None where the owner has none.
        home: the machine's folders.
        registry: what is registered.
        instance: Dagster's.
    """

    key: dg.AssetKey
    partition: str | None
    owner: str
    settings: Settings
    recipe: int | None
    home: Home
    registry: Registry
    instance: dg.DagsterInstance


class Places(Protocol):
    """Knows where the partitions of tables stand."""

    def place(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Place:
        """Where a partition of the table stands now."""
        ...

    def at(self, context: Any, key: dg.AssetKey) -> Place:  # noqa: ANN401 - an asset's or a check's context
        """Where the partition of `key` stands that a step works on; the same for as long as its run."""
        ...
