"""What a release's card and manifest are written from, beside its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

GATES = dict.fromkeys(("table", "partition", "gate", "state", "thresholds", "observed"), pl.String)


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """What a release was compared with.

    Attributes:
        checked: one row per benchmark, `benchmark` first; other columns as they come, such as `file, items, sha256`.
        missing: benchmarks that were looked for and not found.
        contaminated: rows that were rejected, by benchmark.
    """

    checked: pl.DataFrame
    missing: tuple[str, ...] = ()
    contaminated: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a release. What is not known is None, null or empty, and the card says so.

    Attributes:
        name: of the release.
        date: of the release, ISO 8601; it stands in the manifest only.
        batches: whose rows are in it.
        trees: likewise.
        recipe: settings that matter, by path or section; `SECTION of OWNER`: those in which its owners differ.
        models: one row per model and whatever else it is told by; `model` as endpoints returned it, counts, cost.
        prompts: the version of the prompt of each role.
        funnel: `stage, requested, answered, failed, rejected, reasons, accepted`, and `batch` if there are several.
        benchmarks: None if there was no comparison.
        license: of the dataset, SPDX; None: what the seeds carry.
        language: ISO 639-1 codes.
        answered: whether rows have answers; else they are instructions alone.
        selection: which rows these are, in words, as `Wanted.describe` says it.
        reasoning: whether answers begin with what the model thought.
        left_out: rows that were left out before the form was chosen, by why.
        limits: sentences about what a user must know, beside those that follow from the rows.
        gates: `table, partition, gate, state, thresholds, observed`: what each gate on the way of the rows judged by,
            and found.
        changed: sentences about tables that gates, or the funnel, tell otherwise than the rows went through them.
        lake: the data version of every table that the rows were read from, by table and partition.
        price_tables: dates of the price tables that costs were computed with.
        settings_digest: of all settings.
        code_version: of evergrow.
    """

    name: str
    date: str
    batches: tuple[str, ...]
    recipe: Mapping[str, object]
    models: pl.DataFrame
    prompts: Mapping[str, str]
    funnel: pl.DataFrame
    benchmarks: Benchmarks | None
    trees: tuple[str, ...] = ()
    license: str | None = None
    language: tuple[str, ...] = ()
    answered: bool = True
    selection: str = "all rows"
    reasoning: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    gates: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GATES))
    changed: tuple[str, ...] = ()
    lake: Mapping[str, str] = field(default_factory=dict)
    price_tables: tuple[str, ...] = ()
    settings_digest: str | None = None
    code_version: str | None = None
