"""How fast this project's machine embedded texts, by what its tables tell of it."""

from collections.abc import Iterator

import dagster as dg

from evergrow.assets.metadata import EMBEDDED, embedded_by
from evergrow.assets.names import CLEAN, SAMPLES, level_key, stage_key
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.embedding.vector_forecast import Pace

LOOKED_AT = 5  # last materializations of a table
ENOUGH = 5  # texts; fewer say little about the next ones


def pace_of(instance: dg.DagsterInstance, embedder: Embedder, rounds: int) -> Pace | None:
    """How fast the last texts were embedded by the model of `embedder`; None if too few were.

    rounds: whose tables are looked at, beside those of trees and of cleaning.
    """
    found = list(_told(instance, embedder.identity, rounds))
    texts, chars, seconds = (sum(figures) for figures in zip(*found, strict=True)) if found else (0, 0, 0.0)
    return Pace(int(texts), int(chars), seconds) if texts >= ENOUGH and seconds else None


def _told(instance: dg.DagsterInstance, identity: str, rounds: int) -> Iterator[tuple[float, float, float]]:
    """Texts, characters and seconds of each table that tells them of this model."""
    stages = [stage_key(number, "diversity") for number in range(1, rounds + 1)]
    for key in (*stages, level_key(0), level_key(1), SAMPLES, CLEAN):
        for record in instance.fetch_materializations(key, limit=LOOKED_AT).records:
            materialization = record.asset_materialization
            told = {} if materialization is None else materialization.metadata
            if embedded_by(told) == identity:
                texts, chars, seconds = (float(told[name].value) for name in EMBEDDED)  # type: ignore[arg-type]
                yield texts, chars, seconds
