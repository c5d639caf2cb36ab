"""What growing a tree would take from where it stands, whether it is begun or not."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from evergrow.assets.treesynth.level import plan_rules
from evergrow.assets.treesynth.requests import level_texts, level_works, samples_texts, samples_works
from evergrow.flows.grow import domain_of, held_rows, tree_levels
from evergrow.flows.plan import CostPlan, Step, embedding_pace, planned, with_replies
from evergrow.flows.recipes import settings_of
from evergrow.flows.replies import unused_replies
from evergrow.flows.workspace import Workspace
from evergrow.methods.text.counts import counted
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.tree_forecast import TYPICAL_FAN_OUT, TreeShape, shape_after, shape_ahead, writing_calls
from evergrow.resources.lake.lake import NeverMaterialized
from evergrow.resources.ledger import Ledger, Rows
from evergrow.resources.registry.trees import registered_trees


def plan_tree(workspace: Workspace, spec: TreeSpec) -> CostPlan:
    """What the levels and samples that the tree still lacks would take.

    Levels that are not grown yet are expected to divide as the last one did, and at most as its gate allows.
    """
    with workspace.ledger() as ledger:
        expected, most = _shapes(workspace, ledger, spec)
        settings = settings_of(workspace, "tree", spec.tree)
        works = list(_works(workspace, spec, expected, most))
        plan = planned(settings, ledger, works, spec.tree, embedding_pace(workspace, settings), "tree")
        owner, assets = Rows(batch=spec.tree, kind="tree"), ["treesynth/level_", "treesynth/samples"]
        plan = with_replies(plan, unused_replies(workspace, ledger, owner, assets, plan.asked))
    about = f"{counted(expected.leaves, 'leaves', 'leaf')} and {counted(expected.rows, 'rows')} are expected"
    if not _begun(workspace, spec):
        about += f", with {TYPICAL_FAN_OUT} values a dimension where the domain states none: nothing is grown yet"
    return replace(plan, notes=[about, *plan.notes])


def _works(workspace: Workspace, spec: TreeSpec, expected: TreeShape, most: TreeShape) -> Iterator[Step]:
    rules, domain = settings_of(workspace, "tree", spec.tree).treesynth, domain_of(workspace, spec.domain)
    for (depth, nodes), (_, most_nodes) in zip(expected.dividing, most.dividing, strict=True):
        yield from level_works(domain, rules, depth, nodes, most_nodes)
        if nodes:
            yield level_texts(rules, depth, nodes, max(nodes, most_nodes))
    held = sum(held_rows(workspace, spec.tree).values()) if _begun(workspace, spec) else 0
    calls, most_calls = (
        writing_calls(max(0, shape.rows - held), shape.leaves, rules.samples_per_call) for shape in (expected, most)
    )
    if calls and rules.sample_similarity < 1:
        yield samples_texts(rules, calls, max(calls, most_calls))
    checks = rules.adherence_rows * rules.shards if calls else 0
    yield from samples_works(domain, rules, spec.max_depth, calls, checks=checks, most_calls=max(calls, most_calls))


def _shapes(workspace: Workspace, ledger: Ledger, spec: TreeSpec) -> tuple[TreeShape, TreeShape]:
    """The tree's shape to expect, and the largest one that the gates let through."""
    settings, domain = settings_of(workspace, "tree", spec.tree), domain_of(workspace, spec.domain)
    rules = plan_rules(settings, spec, ledger.costs.spent(spec.tree, kind="tree"))
    widest = settings.gates.level.max_fan_out
    if not _begun(workspace, spec):
        return shape_ahead(domain, rules), _bounded(shape_ahead(domain, rules, widest), workspace)
    nodes = tree_levels(workspace, spec.tree)
    nodes = nodes.filter(pl.col("reason").is_null())
    depth = int(nodes["depth"].max() or 0)  # type: ignore[arg-type]
    last, above = nodes.filter(pl.col("depth") == depth), nodes.filter(pl.col("depth") < depth)
    leaves = above.filter(pl.col("state") == "leaf").height
    expected, most = (shape_after(last, leaves, domain, depth, rules, fan=fan) for fan in (None, float(widest)))
    return expected, _bounded(most, workspace)


def _bounded(shape: TreeShape, workspace: Workspace) -> TreeShape:
    """No larger than the gates of the levels let it become."""
    rules = workspace.settings.treesynth
    dividing = tuple((depth, min(nodes, rules.max_nodes)) for depth, nodes in shape.dividing)
    leaves, rows = min(shape.leaves, rules.max_leaves), min(shape.rows, rules.max_rows)
    return TreeShape(shape.nodes, leaves, rows, dividing, writing_calls(rows, leaves, rules.samples_per_call))


def _begun(workspace: Workspace, spec: TreeSpec) -> bool:
    if spec.tree not in registered_trees(workspace.registry):
        return False
    try:
        return not tree_levels(workspace, spec.tree).is_empty()
    except NeverMaterialized:
        return False
