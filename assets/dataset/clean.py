"""What a dataset should not hold: duplicates, copies of benchmarks, secrets, texts of the wrong size or language."""

import time
from dataclasses import fields
from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.dataset.responses import with_reasoning
from evergrow.assets.dataset.verified import COLUMNS as VERIFIED_COLUMNS
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import BATCHES_NAME, CLEAN, VERIFIED
from evergrow.assets.table import Declaration, Table, embedding_values, section_values
from evergrow.methods.quality import cleaning, rules
from evergrow.methods.quality.near_vectors import pairs_of
from evergrow.methods.quality.rules import CleaningRules, Embedded
from evergrow.resources.benchmarks import benchmarks_digest, read_benchmarks
from evergrow.resources.embedding.embedder import Embedder, Embedders
from evergrow.resources.lake.lake import Lake, NeverMaterialized
from evergrow.resources.lake.readable import GateClosed, Outdated
from evergrow.resources.place import Place, Places
from evergrow.resources.seeds.source import listed
from evergrow.resources.settings import dataset

STAGE = "clean"
FINDINGS = tuple(name for name in cleaning.FOUND if name != "reason")
COLUMNS = (*(name for name in VERIFIED_COLUMNS if name != "reason"), *FINDINGS, "reason")
COMPARED = ("batch", "id", "content", "response", "value")


def clean_table() -> Table:
    """`dataset/clean`, and its gate."""
    declared = Declaration(
        key=CLEAN,
        kind="batch",
        group="dataset",
        job=STAGE,
        ins={"verified": dg.AssetIn(VERIFIED)},
        values=lambda settings: {
            **{name: v for name, v in section_values(settings, "cleaning").items() if name != "cleaning.benchmarks"},
            **embedding_values(settings),
            "the version of cleaning's rules": rules.RULES_VERSION,
        },
        files=_files,
        stage=STAGE,
        pool="gpu",
    )
    return declared.table(clean, Gate(STAGE, _facts, {"verified": dg.AssetIn(VERIFIED)}))


def clean(
    context: dg.AssetExecutionContext,
    verified: pl.DataFrame,
    lake: dg.ResourceParam[Lake],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """The rows that are fit to train on; all others with the reason, and what they repeat or copy."""
    place, verified = places.at(context, CLEAN), with_reasoning(verified)
    asked, embedder = place.settings.cleaning, embedders.at(place)
    benchmarks = read_benchmarks(benchmark_folder(place), set(verified["task"]))
    others = _others(place) if asked.across_batches else []
    known, left_out = kept_elsewhere(context.instance, lake, others)
    for batch, why in left_out.items():
        context.log.warning(f"batch {batch!r} is not compared with: {why}")
    named = listed([one.name for one in benchmarks.checked], 3)
    began = time.monotonic()
    cleaned = cleaning.clean(
        embedded(embedder, verified, verified["content"]),
        embedded(embedder, known, known["content"], "embeddings of other batches"),
        embedded(embedder, benchmarks.frame, benchmarks.questions, f"embeddings of benchmarks ({named})"),
        as_rules(asked),
        device=embedder.device,
    )
    context.add_output_metadata(
        {
            "benchmarks": dg.MetadataValue.json({one.name: one.items for one in benchmarks.checked}),
            "benchmarks_from": dg.MetadataValue.json({one.name: Path(one.origin).name for one in benchmarks.checked}),
            "benchmarks_missing": dg.MetadataValue.json(list(benchmarks.missing)),
            **({"benchmarks_note": "; ".join(benchmarks.notes)} if benchmarks.notes else {}),
            "compared_with": dg.MetadataValue.json(sorted(known["batch"].unique())),
            **({"not_compared_with": dg.MetadataValue.json(left_out)} if left_out else {}),
            "compared_pairs": pairs_of(verified.height, known.height + benchmarks.questions.len()),
            "cleaning_s": time.monotonic() - began,
            "superseded": cleaned.superseded.height,
            **metadata.longer_texts(embedder, verified["content"].to_list()),
            **metadata.embedding(embedder),
            **metadata.sample(cleaned.rows, "content", "response"),
        }
    )
    return cleaned.rows.select(COLUMNS)


def _files(place: Place) -> dict[str, str]:
    return {"the benchmarks": benchmarks_digest(benchmark_folder(place))}


def _facts(place: Place, table: pl.DataFrame, verified: pl.DataFrame) -> Facts:
    benchmarks = read_benchmarks(benchmark_folder(place), set(table["task"]))
    return {
        "requested": metadata.kept(verified).height,
        "pointers_astray": _astray(table),
        "benchmarks": benchmarks.own,
        "benchmarks_missing": len(benchmarks.missing),
    }


def kept_elsewhere(instance: dg.DagsterInstance, lake: Lake, batches: list[str]) -> tuple[pl.DataFrame, dict[str, str]]:
    """What other batches keep, as far as it may be read today: the columns of `COMPARED`.

    A batch whose clean rows are outdated, or behind a closed gate, is left out: it is no reason to drop rows. Such
    batches come second, by name, each with the reason.
    """
    tables, left_out = [], dict[str, str]()
    for batch in batches:
        try:
            table = lake.scan(instance, CLEAN, batch)
        except NeverMaterialized:
            continue
        except (GateClosed, Outdated) as why:
            left_out[batch] = str(why.description)
            continue
        tables.append(table.select(COMPARED))
    empty = pl.LazyFrame(schema={**dict.fromkeys(COMPARED[:-1], pl.String), COMPARED[-1]: pl.Float64})
    return pl.concat([empty, *tables]).collect(), left_out


def as_rules(settings: dataset.Cleaning) -> CleaningRules:
    """The settings as the methods take them."""
    return CleaningRules(**{field.name: getattr(settings, field.name) for field in fields(CleaningRules)})


def embedded(embedder: Embedder, frame: pl.DataFrame, texts: pl.Series, label: str = "embeddings") -> Embedded:
    """`frame` with the vectors of `texts`; their progress is shown as `label`."""
    return Embedded(frame, embedder.embed(texts.to_list(), label))


def benchmark_folder(place: Place) -> Path:
    """Where a user's benchmarks are."""
    return place.settings.cleaning.benchmarks or place.home.path / "benchmarks"


def _others(place: Place) -> list[str]:
    return sorted(set(place.instance.get_dynamic_partitions(BATCHES_NAME)) - {place.owner})


def _astray(table: pl.DataFrame) -> int:
    """How many duplicates of the batch's own rows point at one that is not kept."""
    ids = metadata.kept(table)["id"]
    own = pl.col("duplicate_of").is_not_null() & (pl.col("duplicate_batch") == pl.col("batch"))
    return table.filter(own & ~pl.col("duplicate_of").is_in(ids.implode())).height
