"""What no release may hold any more: seeds, models and licences that were taken down, remembered in the home folder."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.home import Home

Kind = Literal["seed", "model", "licence"]
FILE = "bans.json"


@dataclass(frozen=True, slots=True, order=True)
class Ban:
    """Everything that descends from a seed (by its root id), from what a model wrote, or from seeds of a licence."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value!r}"


def bans(home: Home) -> list[Ban]:
    """All that is banned, in order."""
    path = home.path / FILE
    return sorted(Ban(**row) for row in json.loads(path.read_bytes())) if path.is_file() else []


def remember(home: Home, new: Sequence[Ban]) -> list[Ban]:
    """Ban `new` for good; returns all that is banned now.

    Raises:
        HomeError: the home folder cannot be written.
    """
    with home.writing(), home.lock("bans"):
        every = sorted({*bans(home), *new})
        atomic_write(home.path / FILE, json.dumps([asdict(ban) for ban in every], indent=1).encode())
    return every
