"""Grows trees headless, as runs on the project's own Dagster instance, and shows them."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import dagster as dg
import polars as pl

from evergrow.assets.names import AWARE, BALANCED, SAMPLES, TREES_NAME, level_key
from evergrow.assets.treesynth.level import INNER
from evergrow.assets.treesynth.samples import grown_nodes
from evergrow.flows.due import What
from evergrow.flows.recipes import settings_of
from evergrow.flows.run import RunFailed, Say, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.step import Step, bring
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.methods.text.ids import MAX_SEED_ID_LENGTH, escape_seed_id
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.lake.versions import latest_materialization, noted
from evergrow.resources.ledger import tree_origin
from evergrow.resources.llm.budget import room
from evergrow.resources.registry.batches import staged_batches
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import tree_owner
from evergrow.resources.registry.trees import (
    TreeError,
    another_domain,
    check_tree_name,
    register,
    registered_trees,
    tree_spec,
)
from evergrow.resources.seeds.source import Seeds


class NotGrown(NeverMaterialized):
    """A tree has no node yet; the message names the command that grows it."""

    def __init__(self, spec: TreeSpec) -> None:
        dg.Failure.__init__(
            self,
            f"tree {spec.tree!r} is not grown yet: `evergrow tree grow {spec.tree}` grows it",
            allow_retries=False,
        )


Part = Literal["samples", "balanced", "aware"]  # what of a tree is taken


def planned_tree(
    workspace: Workspace, tree: str, domain: str | None, *, max_depth: int | None, rows: int | None, seed: int | None
) -> TreeSpec:
    """The tree as it is to be, see `intended_tree`; written down and known to Dagster."""
    spec = register(
        workspace.registry, intended_tree(workspace, tree, domain, max_depth=max_depth, rows=rows, seed=seed)
    )
    workspace.instance.add_dynamic_partitions(TREES_NAME, [tree])
    return spec


def intended_tree(
    workspace: Workspace,
    tree: str,
    domain: str | None,
    *,
    max_depth: int | None,
    rows: int | None,
    seed: int | None = None,
) -> TreeSpec:
    """The tree as it is to be: as it was registered, with what is given now.

    Raises:
        TreeError: its name cannot be a tree's, it is new and has no domain, has another domain, or would be deeper than
            the settings allow.
        DomainError: there is no such domain, or its file is faulty.
    """
    check_tree_name(tree)
    known = tree_spec(workspace.registry, tree) if tree in registered_trees(workspace.registry) else None
    if known is None and domain is None:
        raise TreeError(f"tree {tree!r} is new: name its domain with --domain")
    about = domain_of(workspace, domain or (known.domain if known else ""))
    if known and known.domain != about.name:
        raise another_domain(known, about.name)
    rules = workspace.settings.treesynth
    spec = known or TreeSpec(tree, about.name, min(about.depth, rules.max_depth), None, rules.seed)
    changes = {"max_depth": max_depth, "rows": rows, "seed": seed}
    spec = replace(spec, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
    if spec.max_depth > rules.max_depth:
        raise TreeError(
            f"tree {tree!r} is {spec.max_depth} levels deep, and treesynth.max_depth is {rules.max_depth}: raise it "
            f"(--set treesynth.max_depth={spec.max_depth})"
        )
    return spec


def domain_of(workspace: Workspace, name: str) -> Domain:
    """The domain called `name`, among the user's and those that ship along.

    Raises:
        DomainError: there is none, or its file is faulty.
    """
    own = workspace.settings.treesynth.domains
    return find_domain(name, [own] if own else [])


def tree_steps(workspace: Workspace, tree: str) -> Iterator[Step]:
    """The tables of a tree in the order in which they are made: levels down to where it ends, then shards.

    What follows a step may depend on it: ask for the next one after the step was done.
    """
    spec = tree_spec(workspace.registry, tree)
    for depth in range(spec.max_depth + 1):
        key = level_key(depth)
        yield Step(f"tree_level_{depth}", [key], tree, key.to_user_string())
        if noted(latest_materialization(workspace.instance, key, tree), INNER) == 0:
            break
    for partition in workspace.partitions(SAMPLES, tree):
        yield Step("tree_samples", [SAMPLES], partition, f"{SAMPLES.to_user_string()} {partition.partition('|')[0]}")


def shared_name(workspace: Workspace, name: str) -> list[str]:
    """Says what is to be known where a tree and a batch of other seeds are called `name`."""
    of_others = [b for b in staged_batches(workspace.registry) if b.batch == name and b.origin != tree_origin(name)]
    if not of_others or name not in registered_trees(workspace.registry):
        return []
    return [
        f"a tree and a batch of other seeds are called {name!r}: the tree's samples are released under another name "
        f"(evergrow seeds from-tree {name} --batch NAME, then release that with --as-is)"
    ]


def grow_tree(workspace: Workspace, spec: TreeSpec, say: Say) -> None:
    """Every table of a tree of which something is due, each after the one before has passed its gate.

    Raises:
        RunFailed: a step failed, its gate did not pass, or the budget is spent; what was done before stays.
    """
    close_dead_runs(workspace.instance, workspace.registry)
    with lease(workspace.registry, tree_owner(spec.tree)), resumable(f"evergrow tree grow {spec.tree}"):
        outlook = ""
        for step in tree_steps(workspace, spec.tree):
            due = workspace.frontier.due(workspace.instance, step.keys[0], step.partition)
            if due and due.what is not What.JUDGE:
                _require_budget(workspace, spec.tree)
            if waiting := bring(workspace, step, spec.tree, say):
                raise RunFailed(f"{step.label} of {spec.tree!r} is {waiting}; repeat the command later")
            if due and step.keys[0] != SAMPLES and (found := _outlook(workspace, step)) != outlook:
                outlook = found
                say(f"  {outlook}")


def tree_levels(workspace: Workspace, tree: str) -> pl.DataFrame:
    """All nodes of a tree as far as it has grown, the root first, whatever the gates say.

    Raises:
        NotGrown: it was never begun.
    """
    spec = tree_spec(workspace.registry, tree)
    try:
        return grown_nodes(workspace.instance, workspace.lake, spec)
    except NeverMaterialized as error:
        raise NotGrown(spec) from error


def tree_samples(workspace: Workspace, tree: str) -> pl.DataFrame:
    """The kept samples of all shards, through their gates.

    Raises:
        dg.Failure: a shard was never made, or its gate is closed.
    """
    return pl.concat([workspace.table(SAMPLES, shard) for shard in workspace.partitions(SAMPLES, tree)]).collect()


def leaf_table(workspace: Workspace, tree: str) -> pl.DataFrame:
    """One row per leaf: `leaf_id, reason, path, rows`; no rows while no samples are written."""
    nodes = tree_levels(workspace, tree)
    leaves = nodes.filter(pl.col("state") == "leaf").select(
        "path", leaf_id="id", reason="leaf_reason", list_nodes="list_nodes"
    )
    held = held_rows(workspace, tree)
    paths = [
        "; ".join(f"{edge['dimension']}: {' | '.join(edge['values'])}" for edge in path) for path in leaves["path"]
    ]
    return leaves.select(
        "leaf_id",
        "reason",
        path=pl.Series(paths, dtype=pl.String),
        rows=pl.Series([held.get(n, 0) for n in leaves["leaf_id"]], dtype=pl.Int64),
    )


def tree_seeds(workspace: Workspace, tree: str, of: Part = "samples") -> Seeds:
    """The samples of a tree as seeds: their ids, and the leaf and attributes that each came from.

    of: its own samples, what was balanced by it, or its stories of people who can know.

    Raises:
        dg.Failure: they are not all written, or a gate is closed.
        NeverMaterialized: nothing was balanced, or converted.
    """
    tree_spec(workspace.registry, tree)
    match of:
        case "samples":
            rows = tree_samples(workspace, tree)
        case "balanced":
            rows = workspace.table(BALANCED, tree).collect().with_columns(tree=pl.lit(tree))
        case "aware":
            rows = _aware_samples(workspace, tree)
    frame = rows.select(
        "content",
        "domain",
        "tree",
        "leaf_id",
        "attributes",
        "letter",
        "fields",
        "generator_model",
        "prompt_version",
        "call_id",
        "run_id",
        # A row of a dataset has an id of its owner's making.
        id=pl.col("id").map_elements(_root_id, return_dtype=pl.String),
        seed_id="id",
        kind=pl.lit("instruction"),
        source=pl.format("tree {}, leaf {}", "tree", "leaf_id"),
    )
    return Seeds(frame, origin=tree_origin(tree) if of == "samples" else f"{tree_origin(tree)}, {of}")


def _root_id(name: str) -> str:
    """The id as a root's; one that is too long is cut, and told apart by its hash."""
    if len(name) > MAX_SEED_ID_LENGTH:
        name = f"{name[:80]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return escape_seed_id(name)


def _aware_samples(workspace: Workspace, tree: str) -> pl.DataFrame:
    """The converted stories in the form of samples: the two choices, and the letter of the right one."""
    stories = workspace.table(AWARE, tree).collect()
    right, wrong = pl.col("aware_action"), pl.col("unaware_action")
    first, second = (pl.when(pl.col("letter") == letter).then(right).otherwise(wrong) for letter in ("A", "B"))
    known = tree_samples(workspace, tree).select("id", "domain", "attributes")
    return stories.join(known, on="id", how="left", maintain_order="left").with_columns(
        content=pl.format("{}\n{}\n(A) {}\n(B) {}", "story", "question", first, second), fields=pl.lit(None, pl.String)
    )


def held_rows(workspace: Workspace, tree: str) -> dict[str, int]:
    """How many kept samples each leaf has by now, by its id, whatever the gates say; only leaves that have any."""
    counts: dict[str, int] = {}
    for shard in workspace.partitions(SAMPLES, tree):
        table = workspace.lake.ungated(workspace.instance, SAMPLES, shard, "kept")
        if table is not None:
            counts |= dict(table.group_by("leaf_id").len().collect().iter_rows())
    return counts


def _outlook(workspace: Workspace, step: Step) -> str:
    """What a level's plan says of the whole tree."""
    names = ("leaves", "rows", "requests", "tokens", "usd")
    made = latest_materialization(workspace.instance, step.keys[0], step.partition)
    found = {n: noted(made, f"ahead_{n}") for n in names}
    tokens = f", {found['tokens']:,} tokens" if found["tokens"] is not None else ""
    usd = f", ${found['usd']:,.2f}" if found["usd"] is not None else ""
    few, rows, leaves = "", int(str(found["rows"])), int(str(found["leaves"]))
    if rows < leaves:
        few = (
            f"; {counted(rows, 'rows are', 'row is')} fewer than {leaves:,} leaves: every branch gets its part, but "
            "not every leaf; ask for more with --rows, or for less depth with --max-depth"
        )
    rules = settings_of(workspace, "tree", str(step.partition)).treesynth
    checks = min(rules.shards * rules.adherence_rows, rows)
    judged = f", and {checks:,} by which a judge checks attributes" if checks else ""
    return (
        f"heading for {counted(leaves, 'leaves', 'leaf')} and {counted(rows, 'rows')}; still to come: about "
        f"{counted(int(str(found['requests'])), 'requests')}{tokens}{usd}{judged}{few}"
    )


def _require_budget(workspace: Workspace, tree: str) -> None:
    with workspace.ledger() as ledger:
        if full := room(settings_of(workspace, "tree", tree), ledger, tree, "tree"):
            raise RunFailed(f"tree {tree!r} stops: {full}")
