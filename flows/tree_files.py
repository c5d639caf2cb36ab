"""The reference's files: written from a tree, and read to go on from one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.names import AWARE, BALANCED, TREES_NAME
from evergrow.flows.grow import domain_of, tree_levels, tree_samples
from evergrow.flows.workspace import Workspace
from evergrow.methods.treesynth.domain import MAX_DEPTH, Domain
from evergrow.methods.treesynth.nodes import Attribute
from evergrow.methods.treesynth.outlines import as_output
from evergrow.methods.treesynth.reference_files import (
    Held,
    TreeFileError,
    deepest,
    interrupted,
    read_output,
    write_balanced_tree,
    write_lines,
    write_output,
)
from evergrow.methods.treesynth.restoration import rows_by_story
from evergrow.methods.treesynth.samples import export_record
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.tree_import import taken_over
from evergrow.methods.treesynth.tree_picture import text_tree
from evergrow.resources.host.destinations import writing
from evergrow.resources.host.files import atomic_write
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.registry.trees import TreeError, register, registered_trees, tree_spec

RESULT = "result.jsonl"


def export_tree(workspace: Workspace, tree: str, folder: Path) -> pl.DataFrame:
    """Write `output.json`, `tree_structure.txt` and `result.jsonl`; where the tree has them, also what was balanced
    (`balanced_results.jsonl`, `balanced_tree.json`) and converted (`aware.jsonl`). Returns `file, rows`.

    Raises:
        dg.Failure: its samples are not all written, or a gate is closed.
        UnwritableError: the folder cannot be written.
    """
    spec = tree_spec(workspace.registry, tree)
    domain, nodes, samples = (
        domain_of(workspace, spec.domain),
        tree_levels(workspace, tree),
        tree_samples(workspace, tree),
    )
    held = {**_pivots(nodes), **_held(samples)}
    counts = dict(samples.group_by("leaf_id").len().iter_rows())
    files: dict[str, tuple[bytes, int]] = {
        "output.json": (write_output(nodes, held), nodes.height),
        "tree_structure.txt": (text_tree(nodes, counts, nodes.height).encode() + b"\n", nodes.height),
        RESULT: (
            write_lines(export_record(domain, row) for row in samples.iter_rows(named=True)),
            samples.height,
        ),
    }
    if balanced := _made(workspace, BALANCED, tree):
        files |= _balanced_files(domain, nodes, balanced[0])
    if aware := _made(workspace, AWARE, tree):
        records = write_lines(aware[0].select("input", "output").iter_rows(named=True))
        files["aware.jsonl"] = (records, aware[0].height)
    for name, (data, _) in files.items():
        with writing(folder / name):
            atomic_write(folder / name, data)
    return pl.DataFrame([(name, rows) for name, (_, rows) in files.items()], schema=["file", "rows"], orient="row")


def import_tree(
    workspace: Workspace,
    tree: str,
    file: Path,
    domain: str,
    *,
    max_depth: int | None,
    rows: int | None,
    seed: int | None,
) -> tuple[int, list[str]]:
    """Register a tree that goes on from an `output.json`, or from a tree of others (`outlines`).

    Returns how many nodes it has, and what had to be changed.

    Raises:
        TreeFileError: the file is no such tree.
        TreeError: a tree of that name exists, or this one would be deeper than the settings allow.
        DomainError: there is no such domain.
    """
    about = domain_of(workspace, domain)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TreeFileError(f"{file}: cannot be read: {error.strerror}; check the path") from error
    start = workspace.settings.treesynth.seed if seed is None else seed
    beside, unread = _rows_beside(file)
    data, notes = taken_over(as_output(data, str(file)), str(file), about, start, beside)
    if about.choices and unread:
        notes.append(f"passed over, lines of {RESULT} without a story, or with one that came before: {unread:,}")
    nodes, most = read_output(data, str(file), tree, about.name, MAX_DEPTH), workspace.settings.treesynth.max_depth
    depth = max(deepest(nodes, tree, about.name), max_depth or 0, 1)
    if max_depth is None and interrupted(nodes):
        depth = max(depth, min(about.depth, most))
    if depth > most:
        raise TreeError(f"{file} is {depth} levels deep, and treesynth.max_depth is {most}: raise it")
    if tree in registered_trees(workspace.registry):
        raise TreeError(f"tree {tree!r} exists already: choose another name for the imported one")
    spec = TreeSpec(tree, about.name, depth, rows, start)
    register(workspace.registry, spec, data)
    workspace.instance.add_dynamic_partitions(TREES_NAME, [tree])
    return len(nodes), notes


def _rows_beside(file: Path) -> tuple[Mapping[str, Mapping[str, Any]], int]:
    """The stories of the `result.jsonl` that lies beside a tree's file, and how many of its lines hold none."""
    try:
        lines = (file.parent / RESULT).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}, 0
    rows = rows_by_story(lines)
    return rows, sum(bool(line.strip()) for line in lines) - len(rows)


def _balanced_files(domain: Domain, nodes: pl.DataFrame, balanced: pl.DataFrame) -> dict[str, tuple[bytes, int]]:
    ids = dict(balanced.group_by("leaf_id", maintain_order=True).agg("id").iter_rows())
    return {
        "balanced_results.jsonl": (write_lines(_balanced_lines(domain, balanced)), balanced.height),
        "balanced_tree.json": (write_balanced_tree(nodes, ids, _texts(balanced)), nodes.height),
    }


def _balanced_lines(domain: Domain, balanced: pl.DataFrame) -> Iterator[dict[str, object]]:
    """A row of the dataset with all columns that it came with, a generated one as its domain exports it."""
    for row in balanced.iter_rows(named=True):
        kept = row["origin"] == "kept"
        own = json.loads(row["given"] or "{}") if kept else export_record(domain, row)
        text = {"content": row["content"]} if kept else {}
        attributes = {a["dimension"]: a["value"] for a in row["attributes"] or ()}
        yield {**own, **text, **{name: row[name] for name in ("id", "leaf_id", "origin")}, "attributes": attributes}


def _made(workspace: Workspace, key: dg.AssetKey, tree: str) -> list[pl.DataFrame]:
    """The table, alone in a list; an empty list where it was never made."""
    try:
        return [workspace.table(key, tree).collect()]
    except NeverMaterialized:
        return []


def _texts(rows: pl.DataFrame) -> Mapping[str, Sequence[str]]:
    return dict(rows.group_by("leaf_id", maintain_order=True).agg("content").iter_rows())


def _held(rows: pl.DataFrame) -> dict[str, list[Held]]:
    held: dict[str, list[Held]] = {}
    for row in rows.select("leaf_id", "content", "fields", "letter", "attributes").iter_rows(named=True):
        held.setdefault(row["leaf_id"], []).append(_one(row))
    return held


def _pivots(nodes: pl.DataFrame) -> dict[str, list[Held]]:
    inner = nodes.filter((pl.col("state") == "inner") & (pl.col("pivots").list.len() > 0))
    return {node: [_one(pivot) for pivot in pivots] for node, pivots in inner.select("id", "pivots").iter_rows()}


def _one(row: Mapping[str, Any]) -> Held:
    attributes = tuple(Attribute(**a) for a in row["attributes"] or ())
    return Held(row["content"], row["fields"] or "", row["letter"], attributes)
