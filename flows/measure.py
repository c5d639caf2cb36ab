"""Measures of a dataset in a file, alone or against another one. Nothing is asked of a model."""

from pathlib import Path

import polars as pl

from evergrow.assets.names import MEASURED_NAME, MEASURES
from evergrow.flows.run import Say, execute, resumable
from evergrow.flows.workspace import Workspace
from evergrow.methods.measures.measure_table import TextSet, differences, measures, reference_coverage, table
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.registry.leases import lease
from evergrow.resources.seeds.datasets import read_dataset


def measure_file(workspace: Workspace, path: Path, column: str, say: Say, against: Path | None = None) -> pl.DataFrame:
    """The measures of the texts in `path`: `measure, value, rows, better, source`; `against` adds `difference`.

    Args:
        workspace: whose embedding model measures.
        path: a dataset in any form that `read_dataset` takes.
        column: the one with the texts, in both files.
        say: told what reading the files took or left out.
        against: a reference, such as the seeds; differences are those of as many drawn rows of both.

    Raises:
        SeedError: a file cannot be read.
        EmbedderError: the embedding model cannot be loaded.
    """
    embedder = Embedder.of(workspace.settings, workspace.lake.files, workspace.progress)
    reference = _text_set(embedder, against, column, say) if against else None
    found = _text_set(embedder, path, column, say)
    listed = list(measures(found))
    if reference is None:
        return table(listed)
    compared = differences(found, reference)
    shown = table([*listed, reference_coverage(found, reference)])
    return shown.with_columns(
        difference=pl.col("measure").replace_strict(compared, default=None, return_dtype=pl.Float64)
    ).select("measure", "value", "difference", "rows", "better", "source")


def measure_tables(workspace: Workspace, of: str) -> pl.DataFrame:
    """The measures of what is in the lake, as the table has them but for `of`.

    Args:
        workspace: where.
        of: `batch:B`, `tree:T` or `release:N`.

    Raises:
        BatchBusy: another process measures it.
        RunFailed: there is nothing of it, or it was interrupted.
    """
    workspace.instance.add_dynamic_partitions(MEASURED_NAME, [of])
    with resumable("evergrow measure"), lease(workspace.registry, of):
        execute(workspace, "measures", [MEASURES], of)
    return workspace.table(MEASURES, of).collect().drop("of")


def _text_set(embedder: Embedder, path: Path, column: str, say: Say) -> TextSet:
    dataset = read_dataset(path, column)
    for note in dataset.notes:
        say(f"note on {path}: {note}")
    texts = dataset.rows["content"]
    return TextSet(texts, embedder.embed(texts.to_list()), embedder.device)
