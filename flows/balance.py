"""Balances datasets by a tree, and converts its stories, as runs on the project's own Dagster instance."""

from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.names import AWARE, BALANCED, COLLECTED, ROUTED
from evergrow.assets.treesynth.aware import KNOWN_AS_TEXT, no_stories
from evergrow.flows.grow import domain_of
from evergrow.flows.run import RunFailed, Say, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.step import Step, bring
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import tree_owner
from evergrow.resources.registry.trees import TreeError, register_balance, tree_spec
from evergrow.resources.seeds.datasets import read_dataset

FIGURES = ("rows", "entropy", "entropy_ceiling", "gini", "empty_leaves", "largest_leaf")
EXPLAINED = {KNOWN_AS_TEXT: "which were imported as texts, without their fields"}
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
    dataset, origin = _dataset(workspace, source, say)
    register_balance(workspace.registry, tree, dataset, origin=origin, rows=rows, redo_from=redo_from)
    go, most = counted(dataset.height, f"rows of {origin} go", f"row of {origin} goes"), dataset.height * spec.max_depth
    say(
        f"{go} down tree {tree!r}: {counted(most, 'requests')} at most, one a row and level, and as many more as thin "
        "leaves lack rows"
    )
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, tree_owner(tree)), resumable("the same command"):
        for job, key in (("tree_routed", ROUTED), ("tree_balanced", BALANCED)):
            if waiting := bring(workspace, Step(job, [key], tree, key.to_user_string()), tree, say):
                raise RunFailed(f"{key.to_user_string()} of {tree!r} is {waiting}; repeat the command later")
        leaves = noted(latest_materialization(workspace.instance, BALANCED, tree), "after_leaves")
        if rows is not None and isinstance(leaves, int) and rows < leaves:
            say(
                f"{counted(rows, 'rows are', 'row is')} fewer than the tree's {leaves:,} leaves: "
                f"{counted(leaves - rows, 'leaves stay', 'leaf stays')} empty; "
                "ask for more with --rows, or take a tree that is less deep"
            )


def balance_report(workspace: Workspace, tree: str) -> pl.DataFrame:
    """Before and after, one row each: `when`, the figures, and what was done.

    `entropy_ceiling` is what the entropy can be at most with so many rows.
    """
    table = workspace.table(BALANCED, tree, rows="all").collect()
    made = latest_materialization(workspace.instance, BALANCED, tree)
    figures = [
        {"when": when, **{name: noted(made, f"{when}_{name}") for name in FIGURES}} for when in ("before", "after")
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


def convert_tree(workspace: Workspace, tree: str, say: Say) -> int:
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
    with lease(workspace.registry, tree_owner(tree)), resumable("the same command"):
        if waiting := bring(workspace, Step("tree_aware", [AWARE], tree, AWARE.to_user_string()), tree, say):
            raise RunFailed(f"{AWARE.to_user_string()} of {tree!r} is {waiting}; repeat the command later")
    table = workspace.table(AWARE, tree, rows="all").select("reason").collect()
    whys = table["reason"].drop_nulls().str.extract(r"^([^:]*)").value_counts(sort=True, name="rows")
    for why, count in whys.iter_rows():
        say(f"not converted: {count:,} of {table.height:,}, {EXPLAINED.get(why, why)}")
    return table["reason"].null_count()


def _dataset(workspace: Workspace, source: Source, say: Say) -> tuple[pl.DataFrame, str]:
    data, batch, text_column = source
    if data is not None:
        read = read_dataset(data, text_column)
        for note in read.notes:
            say(note)
        rows = read.rows
        return (rows.with_columns(batch=pl.lit(batch)), str(data)) if batch else (rows, str(data))
    if batch is None:
        raise dg.DagsterInvariantViolationError("a dataset is a file or a batch")
    workspace.require_batch(batch)
    collected = workspace.table(COLLECTED, batch).select("id", "content", "batch").collect()
    return collected, f"batch {batch!r}"
