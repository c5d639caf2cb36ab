"""The settings of each batch, tree and release: those of this machine, with the recipe of the owner."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from evergrow.resources.settings import Settings
from evergrow.resources.settings.recipe import with_recipe


class Recorded(Protocol):
    """A recipe as the registry keeps it."""

    @property
    def version(self) -> int:
        """Counted from 1."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """See `settings.recipe`."""
        ...


Lookup = Callable[[str, str], Recorded | None]  # by kind and name of the owner


@dataclass(frozen=True, slots=True)
class Recipes:
    """Settings by owner, read from the registry when they are first asked for.

    Attributes:
        settings: those of the machine; they hold whole for an owner without a recipe.
        lookup: finds the latest recipe.
    """

    settings: Settings
    lookup: Lookup = lambda _, __: None
    _known: dict[tuple[str, str], tuple[Settings, int | None]] = field(default_factory=dict)
    _made: dict[str, Settings] = field(default_factory=dict)  # by the recipe's text: many owners share one

    def of(self, kind: str, owner: str) -> tuple[Settings, int | None]:
        """The owner's settings, and the version of its recipe; None where it has none.

        Raises:
            SettingsError: the recipe holds a value that this version does not take.
        """
        if (kind, owner) not in self._known:
            found = self.lookup(kind, owner)
            self._known[kind, owner] = (self._under(found.values), found.version) if found else (self.settings, None)
        return self._known[kind, owner]

    def _under(self, values: Mapping[str, Any]) -> Settings:
        text = json.dumps(values, sort_keys=True, default=str)
        if text not in self._made:
            self._made[text] = with_recipe(self.settings, values)
        return self._made[text]

    def forget(self) -> None:
        """Read recipes anew from now on."""
        self._known.clear()
        self._made.clear()
