"""Balances datasets by a tree, and converts its stories, as runs on the project's own Dagster instance."""

from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.names import AWARE, BALANCED, COLLECTED, ROUTED
from evergrow.assets.tree_basis import all_samples_basis, routed_basis
from evergrow.assets.treesynth.aware import no_stories
from evergrow.flows.grow import domain_of
from evergrow.flows.run import Say, execute_now, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.tree_frontier import metadata_of, stale
from evergrow.flows.workspace import Workspace
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.trees import TreeError, register_balance, tree_spec
from evergrow.resources.seeds.datasets import read_dataset

FIGURES = ("rows", "entropy", "entropy_ceiling", "gini", "empty_leaves", "largest_leaf")
Source = tuple[Path | None, str | None, str]


def balance_dataset_by(
    workspace: Workspace, tree: str, source: Source, *, rows: int | None, redo_from: int | None, say: Say
) -> None:
    """Route a dataset down a tree and balance it.

    source: a file, or the batch whose collected samples are meant, and the column of the file's texts. With both, the
        batch is the name that the rows carry.

    Raises:
        SeedError: the file cannot be read as a dataset.
        UnknownTree, UnknownBatch: there is no such tree, or batch.
        RunFailed: a step failed, or its gate did not pass.
    """
    spec = tree_spec(workspace.registry, tree)
    dataset, origin = _dataset(workspace, source)
    register_balance(workspace.registry, tree, dataset, origin=origin, rows=rows, redo_from=redo_from)
    say(f"{dataset.height:,} rows of {origin} go down tree {tree!r}")
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, tree), resumable("the same command"):
        basis = routed_basis(workspace.instance, workspace.registry, spec.tree)
        for job, key, made_from in (("tree_routed", ROUTED, basis), ("tree_balanced", BALANCED, f"{basis} {rows}")):
            why = stale(workspace.instance, workspace.definitions, key, tree, made_from)
            if why is None:
                say(f"{key.to_user_string()}: up to date")
            else:
                execute_now(workspace, job, [key], tree, whose=tree)
        leaves = metadata_of(workspace.instance, BALANCED, tree, "after_leaves")
        if rows is not None and isinstance(leaves, int) and rows < leaves:
            say(
                f"{rows:,} rows are fewer than the tree's {leaves:,} leaves: {leaves - rows:,} leaves stay empty; "
                "ask for more with --rows, or take a tree that is less deep"
            )


def balance_report(workspace: Workspace, tree: str) -> pl.DataFrame:
    """Before and after, one row each: `when`, the figures, and what was done.

    `entropy_ceiling` is what the entropy can be at most with so many rows.
    """
    table = workspace.table(BALANCED, tree, rows="all").collect()
    figures = [
        {
            "when": when,
            **{name: metadata_of(workspace.instance, BALANCED, tree, f"{when}_{name}") for name in FIGURES},
        }
        for when in ("before", "after")
    ]
    stays = table.filter(pl.col("reason").is_null())
    counts = dict(stays.group_by("origin").len().iter_rows())
    unrouted = workspace.table(ROUTED, tree, rows="rejected").select(pl.len()).collect().item()
    done = {
        "kept": counts.get("kept", 0),
        "generated": counts.get("generated", 0),
        "thinned": table.filter(pl.col("reason") == "thinned").height,
        "unrouted": unrouted,
    }
    return pl.DataFrame([{**figures[0], **dict.fromkeys(done, None)}, {**figures[1], **done}], infer_schema_length=2)


def convert_tree(workspace: Workspace, tree: str) -> int:
    """Convert the stories of a tree; returns how many stay.

    Raises:
        TreeError: there is no such tree, or its samples are no stories.
        DomainError: its domain is gone, or faulty.
        RunFailed: a shard is missing, or the gate did not pass.
    """
    domain = domain_of(workspace, tree_spec(workspace.registry, tree).domain)
    if not domain.converts:
        raise TreeError(no_stories(tree, domain))
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, tree), resumable("the same command"):
        basis = all_samples_basis(workspace.instance, workspace.settings, tree)
        if stale(workspace.instance, workspace.definitions, AWARE, tree, basis):
            execute_now(workspace, "tree_aware", [AWARE], tree, whose=tree)
    return int(workspace.table(AWARE, tree).select(pl.len()).collect().item())


def _dataset(workspace: Workspace, source: Source) -> tuple[pl.DataFrame, str]:
    data, batch, text_column = source
    if data is not None:
        rows = read_dataset(data, text_column)
        return (rows.with_columns(batch=pl.lit(batch)), str(data)) if batch else (rows, str(data))
    if batch is None:
        raise dg.DagsterInvariantViolationError("a dataset is a file or a batch")
    workspace.require_batch(batch)
    collected = workspace.table(COLLECTED, batch).select("id", "content", "batch").collect()
    return collected, f"batch {batch!r}"
