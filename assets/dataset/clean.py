"""What a dataset should not hold: duplicates, copies of benchmarks, secrets, texts of the wrong size or language."""

import hashlib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.dataset.verified import COLUMNS as VERIFIED_COLUMNS
from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.metadata import kept
from evergrow.assets.names import BATCHES, BATCHES_NAME, CLEAN, VERIFIED, gate_name
from evergrow.assets.tree_basis import BASIS
from evergrow.methods.quality import cleaning
from evergrow.methods.quality.rules import Embedded, Rules
from evergrow.resources.benchmarks import benchmarks_digest, read_benchmarks
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.host.home import Home
from evergrow.resources.lake.lake import Lake, NeverMaterialized
from evergrow.resources.lake.readable import GATES, GateClosed, Outdated
from evergrow.resources.settings import Settings, dataset

STAGE = "clean"
FINDINGS = tuple(name for name in cleaning.FOUND if name != "reason")
COLUMNS = (*(name for name in VERIFIED_COLUMNS if name != "reason"), *FINDINGS, "reason")
COMPARED = ("batch", "id", "content", "response", "value")


def clean_definitions(settings: Settings) -> dg.Definitions:
    """The asset `dataset/clean`, its gate and its job."""
    rules = settings.cleaning
    code = (rules.model_dump(exclude={"benchmarks"}), settings.embedding.model)

    @dg.asset(
        key=CLEAN,
        group_name="dataset",
        partitions_def=BATCHES,
        ins={"verified": dg.AssetIn(VERIFIED)},
        code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
        metadata={GATES: [gate_name(STAGE)]},
        kinds={"polars"},
        pool="gpu",
    )
    def clean(
        context: dg.AssetExecutionContext,
        verified: pl.DataFrame,
        home: dg.ResourceParam[Home],
        lake: dg.ResourceParam[Lake],
        embedder: dg.ResourceParam[Embedder],
    ) -> pl.DataFrame:
        """The rows that are fit to train on; all others with the reason, and what they repeat or copy."""
        benchmarks = read_benchmarks(benchmark_folder(settings, home), set(verified["task"]))
        others = _others(context) if rules.across_batches else []
        known = kept_elsewhere(context.instance, lake, others, context.log.warning)
        cleaned = cleaning.clean(
            embedded(embedder, verified, verified["content"]),
            embedded(embedder, known, known["content"]),
            embedded(embedder, benchmarks.frame, benchmarks.questions),
            as_rules(rules),
            device=embedder.device,
        )
        context.add_output_metadata(
            {
                BASIS: benchmarks_digest(benchmark_folder(settings, home)),
                "benchmarks": dg.MetadataValue.json({one.name: one.items for one in benchmarks.checked}),
                "benchmarks_from": dg.MetadataValue.json(
                    {one.name: Path(one.origin).name for one in benchmarks.checked}
                ),
                "benchmarks_missing": dg.MetadataValue.json(list(benchmarks.missing)),
                **({"benchmarks_note": "; ".join(benchmarks.notes)} if benchmarks.notes else {}),
                "compared_with": dg.MetadataValue.json(sorted(known["batch"].unique())),
                "superseded": cleaned.superseded.height,
            }
        )
        return cleaned.rows.select(COLUMNS)

    @gate(clean, STAGE, settings, {"verified": VERIFIED})
    def clean_gate(table: pl.DataFrame, verified: pl.DataFrame) -> Facts:
        benchmarks = read_benchmarks(benchmark_folder(settings, Home(settings.home)), set(table["task"]))
        return {
            "requested": kept(verified).height,
            "pointers_astray": _astray(table),
            "benchmarks": benchmarks.own,
            "benchmarks_missing": len(benchmarks.missing),
        }

    job = dg.define_asset_job(
        STAGE, selection=dg.AssetSelection.assets(clean), description="Cleans the verified answers of a batch."
    )
    return dg.Definitions(assets=[clean], asset_checks=[clean_gate], jobs=[job])


def kept_elsewhere(
    instance: dg.DagsterInstance, lake: Lake, batches: list[str], warn: Callable[[str], None]
) -> pl.DataFrame:
    """What other batches keep, as far as it may be read today: the columns of `COMPARED`.

    A batch whose clean rows are outdated, or behind a closed gate, is left out and named: it is no reason to drop rows.
    """
    tables = []
    for batch in batches:
        try:
            table = lake.scan(instance, CLEAN, batch, [gate_name(STAGE)])
        except NeverMaterialized:
            continue
        except (GateClosed, Outdated) as why:
            warn(f"batch {batch!r} is not compared with: {why.description}")
            continue
        tables.append(table.select(COMPARED))
    empty = pl.LazyFrame(schema={**dict.fromkeys(COMPARED[:-1], pl.String), COMPARED[-1]: pl.Float64})
    return pl.concat([empty, *tables]).collect()


def as_rules(settings: dataset.Cleaning) -> Rules:
    """The settings as the methods take them."""
    return Rules(**{field.name: getattr(settings, field.name) for field in fields(Rules)})


def embedded(embedder: Embedder, frame: pl.DataFrame, texts: pl.Series) -> Embedded:
    """`frame` with the vectors of `texts`."""
    return Embedded(frame, embedder.embed(texts.to_list()))


def benchmark_folder(settings: Settings, home: Home) -> Path:
    """Where a user's benchmarks are."""
    return settings.cleaning.benchmarks or home.path / "benchmarks"


def _others(context: dg.AssetExecutionContext) -> list[str]:
    return sorted(set(context.instance.get_dynamic_partitions(BATCHES_NAME)) - {context.partition_key})


def _astray(table: pl.DataFrame) -> int:
    """How many duplicates of the batch's own rows point at one that is not kept."""
    ids = kept(table)["id"]
    own = pl.col("duplicate_of").is_not_null() & (pl.col("duplicate_batch") == pl.col("batch"))
    return table.filter(own & ~pl.col("duplicate_of").is_in(ids.implode())).height
