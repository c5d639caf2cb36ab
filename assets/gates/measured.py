"""Measures of whole sets in gates: what the settings bound, and what is measured of the set that a gate judges."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evergrow.assets.gates.suite import FigureRule, Setting
from evergrow.methods.measures.measure import OF_LEAVES, OF_REFERENCE, OF_TEXTS, OF_VECTORS
from evergrow.methods.measures.measure_table import TextSet, differences, leaf_measures, measures, reference_coverage
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.settings import Settings
from evergrow.resources.settings.measures import MeasureBounds

AGAINST = {"": "", "_against_seeds": ", less that of the seeds", "_against_before": ", less that of the round before"}
OF_REFERENCE_NAME = next(iter(OF_REFERENCE))


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """What is measured as a whole: texts, and rows by leaf where they lie in the leaves of a tree."""

    texts: pl.Series
    leaves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedSets:
    """The set that a gate judges, the texts of its seeds, and those of the round before; None: it has none."""

    now: MeasuredSet
    seeds: pl.Series | None = None
    before: pl.Series | None = None


def bounds_of(stage: str, settings: Settings) -> Mapping[str, MeasureBounds]:
    """The bounds of measures that a stage's gate names, by measure."""
    found: Mapping[str, MeasureBounds] = getattr(getattr(settings.gates, stage), "measures", {})
    return found


def measured_rules(stage: str, settings: Settings) -> list[FigureRule]:
    """A rule for each figure that the gate of a stage bounds; what was not measured meets none."""
    return [
        FigureRule(
            f"{name} of the whole set{AGAINST[against]}",
            f"{name}{against}",
            {f"{end}_value": Setting(f"gates.{stage}.measures.{name}.{end}{against}") for end in ends},
            from_rows=0,
            known=False,
        )
        for name, against, ends in _wanted(bounds_of(stage, settings))
    ]


def measured_facts(stage: str, settings: Settings, sets: ComparedSets, embedder: Embedder) -> dict[str, float | None]:
    """The figures that the rules are about; None where the set, or what it is compared with, is too small for it.

    Raises:
        EmbedderError: the embedding model cannot be loaded.
    """
    wanted = list(_wanted(bounds_of(stage, settings)))
    own = {name for name, against, _ in wanted if not against}
    compared = {against for _, against, _ in wanted}
    # Vectors may have to be paid for: none are asked for of which nothing is bounded.
    embed = embedder.embed if {name for name, _, _ in wanted} & {*OF_VECTORS, *OF_REFERENCE} else _no_vectors
    for_seeds = "_against_seeds" in compared or own & {*OF_REFERENCE}
    now = _text_set(sets.now.texts, embed, embedder.device)
    seeds = _text_set(sets.seeds, embed, embedder.device) if for_seeds else None
    before = _text_set(sets.before, embed, embedder.device) if "_against_before" in compared else None
    found = {one.name: one.value for one in measures(now, own)} if now else {}
    if own & {*OF_LEAVES}:
        found |= {one.name: one.value for one in leaf_measures(sets.now.leaves)}
    if own & {*OF_REFERENCE} and now and seeds:
        found[OF_REFERENCE_NAME] = reference_coverage(now, seeds).value
    others = {"_against_seeds": seeds, "_against_before": before}
    for ending, other in others.items():
        names = {name for name, against, _ in wanted if against == ending}
        if names and now and other:
            found |= {f"{name}{ending}": value for name, value in differences(now, other, names & {*OF_TEXTS}).items()}
    return {f"{name}{against}": found.get(f"{name}{against}") for name, against, _ in wanted}


def _wanted(bounds: Mapping[str, MeasureBounds]) -> Iterator[tuple[str, str, list[str]]]:
    """Measure, what it is compared with (a key of `AGAINST`), and which ends of it are bounded: `min`, `max`."""
    for name, bound in bounds.items():
        given = bound.model_dump(exclude_none=True)
        for against in AGAINST:
            if ends := [end for end in ("min", "max") if f"{end}{against}" in given]:
                yield name, against, ends


def _text_set(texts: pl.Series | None, embed: Callable[[Sequence[str]], np.ndarray], device: str) -> TextSet | None:
    """The texts with their vectors; None for none at all."""
    if texts is None or texts.is_empty():
        return None
    return TextSet(texts, embed(texts.to_list()), device)


def _no_vectors(texts: Sequence[str]) -> np.ndarray:
    return np.empty((len(texts), 0), dtype=np.float32)
