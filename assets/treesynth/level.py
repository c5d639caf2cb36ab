"""TreeSynth's levels as assets: one per depth, partitioned by tree (method.md B.15; dagster-facts.md, section 2).

Level D holds the nodes of depth D and how each of them divides; level D + 1 is made of what level D's gate let through.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import TREES, gate_name, level_key
from evergrow.assets.treesynth.asker import GROWING, Asker
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.requests import level_works
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.checks import split_checks
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.domain_files import DomainError, find_domain
from evergrow.methods.treesynth.forecast import Plan, Rules, plan
from evergrow.methods.treesynth.growth import Grower, row, settle
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, Node, next_nodes, root
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.reference import Imported, read_output
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.lake.readable import GATES
from evergrow.resources.lake.versions import UNANSWERED
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import imported_file, tree_spec
from evergrow.resources.settings import Settings

SHAPE, INNER = "shape", "inner"  # metadata: what the level depends on besides its inputs, and how many nodes divide
PROMPTS = ("write", "split", "complete")
LEVEL = "level"
PLANNED = [field.name for field in fields(Plan)]
GROWING_RULES = {
    *("pivots", "pivot_attempts", "list_draws", "dimension_attempts", "dimension_candidates", "ask_until", "max_asks"),
    *("infinite_over", "merge_similarity", "samples_per_call", "write_temperature", "complete_temperature"),
}


def level_definitions(depth: int, settings: Settings) -> dg.Definitions:
    """The asset, gate and job of the level of this depth."""
    level = _level(depth, settings)
    check = _gate(level, depth, settings)
    job = dg.define_asset_job(
        f"tree_level_{depth}",
        selection=dg.AssetSelection.assets(level),
        description=f"Finds out how the nodes of depth {depth} divide.",
    )
    return dg.Definitions(assets=[level], asset_checks=[check], jobs=[job])


def _level(depth: int, settings: Settings) -> dg.AssetsDefinition:
    rules = settings.treesynth
    code = (
        [prompt(name).version for name in PROMPTS],
        [settings.role(name).model_dump(exclude={"endpoint"}) for name in ("generator", "partitioner")],
        rules.model_dump(include=GROWING_RULES),
    )

    def declare(function: Callable[..., object]) -> dg.AssetsDefinition:
        return dg.asset(
            key=level_key(depth),
            group_name="treesynth",
            partitions_def=TREES,
            ins={"above": dg.AssetIn(level_key(depth - 1), metadata=ALL_ROWS)} if depth else {},
            code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
            metadata={GATES: [gate_name(LEVEL)]},
            kinds={"openai"},
            pool="llm",
        )(function)

    if depth == 0:

        @declare
        async def root_level(
            context: dg.AssetExecutionContext,
            registry: dg.ResourceParam[Registry],
            ledger: dg.ResourceParam[Ledger],
            models: dg.ResourceParam[Models],
            embedder: dg.ResourceParam[Embedder],
        ) -> pl.DataFrame:
            """The root, which is the whole space, and how it divides."""
            spec, domain = known_tree(registry, settings, context.partition_key)
            nodes = [root(spec.tree, domain.name)]
            return await _grow(context, 0, (spec, domain, nodes, 0), settings, (registry, ledger, models, embedder))

        return root_level

    @declare
    async def level(  # noqa: PLR0917 - Dagster passes them by name
        context: dg.AssetExecutionContext,
        above: pl.DataFrame,
        registry: dg.ResourceParam[Registry],
        ledger: dg.ResourceParam[Ledger],
        models: dg.ResourceParam[Models],
        embedder: dg.ResourceParam[Embedder],
    ) -> pl.DataFrame:
        """The children of the level above, and how each of them divides, or why it is a leaf."""
        spec, domain = known_tree(registry, settings, context.partition_key)
        higher = above["leaves_above"].head(1).sum()
        leaves = int(higher) + above.filter(pl.col("state") == "leaf").height
        work = (spec, domain, list(next_nodes(above)), leaves)
        return await _grow(context, depth, work, settings, (registry, ledger, models, embedder))

    return level


async def _grow(
    context: dg.AssetExecutionContext,
    depth: int,
    work: tuple[TreeSpec, Domain, list[Node], int],
    settings: Settings,
    resources: tuple[Registry, Ledger, Models, Embedder],
) -> pl.DataFrame:
    (spec, domain, nodes, leaves_above), (registry, ledger, models, embedder) = work, resources
    rules = settings.treesynth
    imported = read_imported(registry, spec)
    dividing = 0
    if depth < spec.max_depth and domain.at(depth) is None:
        dividing = sum(node.id not in imported for node in nodes)
    works = level_works(domain, rules, depth, dividing)
    asked = sum(work.requests for work in works)
    planned = models.forecast(*works)
    async with models.engine(context) as engine:
        engine.require_live(*GROWING)
        async with conversation(engine, f"level {depth}", asked) as talk:
            asker = Asker(talk, spec.seed, settings.treesynth)
            grower = Grower(asker, embedder.embed, spec, domain, rules, imported)
            grown = await each(nodes, grower.grow)
        for node in grown:
            if node.owed:
                asker.owes(node.owed)
    settle(grown, embedder.embed, rules)
    table = pl.DataFrame((row(spec, domain, one) for one in grown), schema=LEVEL_SCHEMA, orient="row")
    table = table.with_columns(leaves_above=pl.lit(leaves_above, pl.Int64))
    ahead = asdict(level_plan(table, depth, settings, (spec, domain), ledger))
    context.add_output_metadata(
        {
            **planned,
            **engine.summary(),
            **{f"ahead_{name}": value for name, value in ahead.items() if value is not None},
            UNANSWERED: asker.failed,
            SHAPE: shape(spec, domain),
            INNER: table.filter(pl.col("state") == "inner").height,
            **tree_metadata(table),
        }
    )
    return table


def known_tree(registry: Registry, settings: Settings, tree: str) -> tuple[TreeSpec, Domain]:
    """A registered tree and its domain.

    Raises:
        dg.Failure: its domain is gone or faulty.
    """
    spec = tree_spec(registry, tree)
    folders = [settings.treesynth.domains] if settings.treesynth.domains else []
    try:
        return spec, find_domain(spec.domain, folders)
    except DomainError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def shape(spec: TreeSpec, domain: Domain) -> str:
    """What levels depend on besides the level above and the code."""
    return f"{spec.shape} {domain.digest}"


def read_imported(registry: Registry, spec: TreeSpec) -> Mapping[str, Imported]:
    """The nodes that an imported tree goes on from; none for a tree of its own."""
    data = imported_file(registry, spec.tree)
    return read_output(data, f"the imported tree {spec.tree!r}", spec.tree, spec.domain, spec.max_depth) if data else {}


def plan_rules(settings: Settings, spec: TreeSpec, ledger: Ledger) -> Rules:
    """What the size of the tree follows from; tokens and cost as they were on average so far, for this tree."""
    rules, spent = settings.treesynth, ledger.spent(spec.tree)
    priced = spent.calls and not spent.unpriced_calls
    return Rules(
        max_depth=spec.max_depth,
        rows=spec.rows,
        per_call=rules.samples_per_call,
        sets_per_list=rules.sets_per_list,
        pivot_calls=-(-rules.pivots // rules.samples_per_call),
        tokens_per_request=spent.tokens / spent.calls if spent.calls else None,
        usd_per_request=spent.usd / spent.calls if priced else None,
    )


def level_plan(
    table: pl.DataFrame, depth: int, settings: Settings, about: tuple[TreeSpec, Domain], ledger: Ledger
) -> Plan:
    """What is still to come after a level, tokens and cost as they were on average so far."""
    spec, domain = about
    above = int(table["leaves_above"].head(1).sum())
    grown = table.filter(pl.col("reason").is_null())
    return plan(grown, above, domain, depth, plan_rules(settings, spec, ledger))


def _gate(level: dg.AssetsDefinition, depth: int, settings: Settings) -> dg.AssetChecksDefinition:
    if depth == 0:

        @gate(level, LEVEL, settings, {})
        def root_gate(
            table: pl.DataFrame, registry: dg.ResourceParam[Registry], ledger: dg.ResourceParam[Ledger]
        ) -> Facts:
            return {"requested": 1, **_facts(table, depth, settings, registry, ledger)}

        return root_gate

    @gate(level, LEVEL, settings, {"above": level_key(depth - 1)})
    def level_gate(
        table: pl.DataFrame, above: pl.DataFrame, registry: dg.ResourceParam[Registry], ledger: dg.ResourceParam[Ledger]
    ) -> Facts:
        return {"requested": sum(1 for _ in next_nodes(above)), **_facts(table, depth, settings, registry, ledger)}

    return level_gate


def _facts(table: pl.DataFrame, depth: int, settings: Settings, registry: Registry, ledger: Ledger) -> Facts:
    """What the level's suite asks about splits, one value a node, and about the plan."""
    checks = split_checks(table).to_dict()
    if table.is_empty():
        return {**checks, **dict.fromkeys(f"plan_{name}" for name in (*PLANNED, "rows_per_leaf"))}
    projected = level_plan(table, depth, settings, known_tree(registry, settings, table["tree"][0]), ledger)
    planned = {f"plan_{name}": getattr(projected, name) for name in PLANNED}
    return {**checks, **planned, "plan_rows_per_leaf": projected.rows / max(projected.leaves, 1)}
