"""The samples of a batch that are to be answered: what its evolution collected, or its seeds as they are."""

from collections.abc import Iterable, Mapping

import dagster as dg
import polars as pl

from evergrow.assets.names import stage_key
from evergrow.methods.answering.tasks import task_of
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.domain_files import find_domain, known_domains
from evergrow.methods.treesynth.nodes import ATTRIBUTES
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.settings import Settings

IDENTITY: dict[str, pl.DataType] = {
    **dict.fromkeys(("id", "root_id", "parent_id", "batch", "domain", "task"), pl.String()),
    **dict.fromkeys(("round", "slot"), pl.Int64()),
    "content": pl.String(),
}
SCORES: dict[str, pl.DataType] = {
    "complexity": pl.Float64(),
    "complexity_reason": pl.String(),
    "diversity": pl.Float64(),
    "nearest_id": pl.String(),
    **dict.fromkeys(("value", "parent_complexity", "parent_diversity"), pl.Float64()),
}
MADE_BY: dict[str, pl.DataType] = dict.fromkeys(
    (
        *("generator_model", "judge_model", "embedding_model", "prompt_version"),
        *("call_id", "judge_call_id", "run_id"),
    ),
    pl.String(),
)
ROOT: dict[str, pl.DataType] = {
    **dict.fromkeys(("license", "source", "tree", "leaf_id"), pl.String()),
    "attributes": ATTRIBUTES,
}
OF_TREE: dict[str, pl.DataType] = dict.fromkeys(("kind", "letter", "fields"), pl.String())
OF_ANY = ("id", "root_id", "batch", "domain", "kind", "content", "license", "source")
SAMPLE = {**IDENTITY, **SCORES, **MADE_BY, **ROOT}


def samples_of(instance: dg.DagsterInstance, seeds: pl.DataFrame, collected: pl.DataFrame | None) -> pl.DataFrame:
    """One row a sample: the columns of `SAMPLE` but `task`, and of `OF_TREE`, what is not known being null.

    Of an evolved batch these are the samples that were collected, each with what is known of its root. A batch that was
    never evolved gives its seeds, if they are instructions: a tree's samples, or a dataset that somebody has.

    `kind` is that of the root; null for the samples of a tree as they are.

    Raises:
        dg.Failure: the batch is evolved and not collected yet, or was not evolved and its seeds are code.
    """
    if collected is not None:
        of_root = [name for name in told_by_root(seeds.schema) if name in (*ROOT, "kind")]
        roots = seeds.select(root_id="id", **{name: name for name in of_root})
        return _shaped(collected.join(roots, on="root_id", how="left", maintain_order="left"))
    batch = str(seeds["batch"].first())
    if latest_materialization(instance, stage_key(1, "instructions"), batch):
        raise dg.Failure(
            f"batch {batch!r} is evolved but not collected yet: `evergrow run --batch {batch}` does it",
            allow_retries=False,
        )
    if (seeds["kind"] == "code").any():
        raise dg.Failure(
            f"the seeds of batch {batch!r} are code, which nobody can answer: `evergrow run --batch {batch}` evolves "
            "them into instructions",
            allow_retries=False,
        )
    return _shaped(_as_they_are(seeds))


def domains_of(settings: Settings, samples: pl.DataFrame) -> dict[str, Domain]:
    """The domain files of those domains of the samples that have one, by name."""
    return known_domains_of(settings, samples["domain"].drop_nulls().unique())


def known_domains_of(settings: Settings, names: Iterable[str]) -> dict[str, Domain]:
    """The domain files of those domains that have one, by name."""
    folders = [settings.treesynth.domains] if settings.treesynth.domains else []
    return {name: find_domain(name, folders) for name in sorted(set(names) & set(known_domains(folders)))}


def with_tasks(settings: Settings, samples: pl.DataFrame, domains: Mapping[str, Domain]) -> pl.DataFrame:
    """The samples with their `row`, counted from 0, and the `task` that each is."""
    tasks = task_of(settings.answers.tasks, {name: domain.answer for name, domain in domains.items()})
    return samples.with_columns(tasks).with_row_index("row")


def told_by_root(seeds: pl.Schema) -> list[str]:
    """Columns of seeds that mean what ours mean: those of a tree's samples, or of anybody's file the few we gave them.

    A file may have columns of its own that are called `value`, `letter` or `attributes`.
    """
    grown = seeds.get("attributes") == ATTRIBUTES and "leaf_id" in seeds
    ours = {**SAMPLE, **OF_TREE} if grown else dict.fromkeys(OF_ANY)
    return [name for name in seeds if name in ours]


def _as_they_are(seeds: pl.DataFrame) -> pl.DataFrame:
    """Seeds as samples: those of one leaf of a tree share its id as their root, so that no split parts them."""
    rows = seeds.select(told_by_root(seeds.schema)).with_columns(round=pl.lit(0), slot=pl.lit(0))
    if "leaf_id" not in rows.columns:
        return rows
    grown = pl.col("leaf_id").is_not_null()
    return rows.with_columns(root_id=pl.coalesce("leaf_id", "root_id"), kind=pl.when(~grown).then("kind"))


def _shaped(rows: pl.DataFrame) -> pl.DataFrame:
    wanted = {**SAMPLE, **OF_TREE}
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in wanted.items()
        if name != "task"
    )
