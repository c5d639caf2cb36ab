"""What a sensor remembers between two looks at all batches and trees, as the text that Dagster keeps."""

import json
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(slots=True)
class Cursor:
    """What the last look knew.

    Attributes:
        event: the event log was read up to here.
        settled: owners of which nothing was due, with the version of their recipe.
        last: the owner at which the last look ended, if it was not through with all.
    """

    event: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    last: str = ""

    @classmethod
    def read(cls, text: str | None) -> Self:
        """The cursor that `write` wrote; an empty one of a sensor that never looked, or of another version."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def write(self) -> str:
        """As text."""
        return json.dumps(asdict(self))
