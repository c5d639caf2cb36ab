"""TreeSynth's levels as assets: one per depth, partitioned by tree (method.md B.15; dagster-facts.md, section 2).

Level D holds the nodes of depth D and how each of them divides; level D + 1 is made of what level D's gate let through.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import level_key
from evergrow.assets.outcomes import owed_metadata
from evergrow.assets.table import Declaration, Table, embedding_values, role_values, section_values
from evergrow.assets.treesynth.asker import GROWING, Asker
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.requests import level_works
from evergrow.methods.concurrency import each
from evergrow.methods.nested_rows import nested_rows
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.domain_files import DomainError, find_domain, known_domains, parse_domain
from evergrow.methods.treesynth.grown import row, settle
from evergrow.methods.treesynth.growth import Grower
from evergrow.methods.treesynth.left_out import counted
from evergrow.methods.treesynth.level_checks import split_checks
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, Node, next_nodes, root
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.reference_files import Imported, read_output
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.tree_forecast import TreeForecast, TreeRules, plan
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.lake.lake import ALL_ROWS
from evergrow.resources.ledger import Ledger, Spent
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import imported_file, registered_domain, tree_spec
from evergrow.resources.settings import Settings

LEFT = "left_out"  # metadata: how many answered pivots, dimensions and values are not used, by why
INNER = "inner"  # metadata: how many nodes divide
PROMPTS = ("write", "split", "complete")
LEVEL = "level"
PLANNED = [field.name for field in fields(TreeForecast)]
GROWING_RULES = (
    *("pivots", "pivot_attempts", "list_draws", "dimension_attempts", "dimension_candidates", "ask_until", "max_asks"),
    *("infinite_over", "merge_similarity", "samples_per_call", "write_temperature", "complete_temperature"),
)
WRITING = ("space", "sample", "samples", "expert", "rules", "about_values", "fields", "text", "gist", "choices")


def level_table(depth: int) -> Table:
    """`treesynth/level_D`, and its gate."""
    key = level_key(depth)

    async def root_level(
        context: dg.AssetExecutionContext,
        models: dg.ResourceParam[Models],
        embedders: dg.ResourceParam[Embedders],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """The root, which is the whole space, and how it divides."""
        place = places.at(context, key)
        spec, domain = known_tree(place)
        work = (spec, domain, [root(spec.tree, domain.name)], 0)
        return await _grow(context, 0, work, place, (models, embedders))

    async def level(
        context: dg.AssetExecutionContext,
        above: pl.DataFrame,
        models: dg.ResourceParam[Models],
        embedders: dg.ResourceParam[Embedders],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """The children of the level above, and how each of them divides, or why it is a leaf."""
        place = places.at(context, key)
        spec, domain = known_tree(place)
        higher = above["leaves_above"].head(1).sum()
        leaves = int(higher) + above.filter(pl.col("state") == "leaf").height
        work = (spec, domain, list(next_nodes(above)), leaves)
        return await _grow(context, depth, work, place, (models, embedders))

    above = {"above": dg.AssetIn(level_key(depth - 1), metadata=ALL_ROWS)} if depth else {}
    declared = Declaration(
        key=key,
        kind="tree",
        group="treesynth",
        job=f"tree_level_{depth}",
        ins=above,
        prompts={name: prompt(name).version for name in PROMPTS},
        values=lambda settings: {
            **role_values(settings, "generator", "partitioner"),
            **section_values(settings, "treesynth", *GROWING_RULES),
            **embedding_values(settings),
        },
        files=partial(_files, depth),
        stage=LEVEL,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    others = {"above": dg.AssetIn(level_key(depth - 1))} if depth else {}
    return declared.table(level if depth else root_level, Gate(LEVEL, partial(_facts, depth), others))


def _files(depth: int, place: Place) -> dict[str, str]:
    """What a level depends on besides the level above: the tree's shape, and as much of the domain as it is told of."""
    spec, domain = known_tree(place)
    stated = depth >= spec.max_depth or domain.at(depth) is not None
    return {
        "the tree's depth, seed or import": spec.shape,
        f"the dimensions of domain {domain.name!r}": domain.digest_of("dimensions"),
        **({} if stated else {f"the writing rules of domain {domain.name!r}": domain.digest_of(*WRITING)}),
    }


async def _grow(
    context: dg.AssetExecutionContext,
    depth: int,
    work: tuple[TreeSpec, Domain, list[Node], int],
    place: Place,
    resources: tuple[Models, Embedders],
) -> pl.DataFrame:
    (spec, domain, nodes, leaves_above), (models, embedders) = work, resources
    rules, embedder = place.settings.treesynth, embedders.at(place)
    imported = read_imported(place.registry, spec)
    dividing = 0
    if depth < spec.max_depth and domain.at(depth) is None:
        dividing = sum(node.id not in imported for node in nodes)
    works = level_works(domain, rules, depth, dividing)
    planned = models.forecast(place, *works)
    async with models.engine(context, place) as engine:
        engine.require_live(*GROWING)
        async with conversation(engine, f"level {depth}", sum(work.requests for work in works)) as talk:
            asker = Asker(talk, spec.seed, rules)
            grower = Grower(asker, embedder.embed, spec, domain, rules, imported)
            grown = await each(nodes, grower.grow)
        for node in grown:
            if node.owed:
                asker.owes(node.owed)
    settle(grown, embedder.embed, rules, embedder.device)
    table = nested_rows((row(spec, domain, one) for one in grown), LEVEL_SCHEMA)
    table = models.as_asked(table.with_columns(leaves_above=pl.lit(leaves_above, pl.Int64)), "split_call_id")
    ahead = asdict(level_plan(table, depth, place.settings, (spec, domain)))
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **{f"ahead_{name}": value for name, value in ahead.items() if value is not None},
            **metadata.embedding(embedder),
            **owed_metadata(asker.owed),
            **({LEFT: dg.MetadataValue.json(left)} if (left := counted([one.left_out for one in grown])) else {}),
            INNER: table.filter(pl.col("state") == "inner").height,
            **tree_metadata(table),
        }
    )
    return table


def known_tree(place: Place) -> tuple[TreeSpec, Domain]:
    """A registered tree and its domain: as its file says now, or as it was registered where the file is not at hand.

    Raises:
        dg.Failure: its domain is gone or faulty.
    """
    spec, own = tree_spec(place.registry, place.owner), place.settings.treesynth.domains
    folders = [own] if own else []
    try:
        kept = registered_domain(place.registry, place.owner)
        if kept and spec.domain not in known_domains(folders):
            return spec, parse_domain(kept.text, Path(f"{spec.domain}.yaml"))
        return spec, find_domain(spec.domain, folders)
    except DomainError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def read_imported(registry: Registry, spec: TreeSpec) -> Mapping[str, Imported]:
    """The nodes that an imported tree goes on from; none for a tree of its own."""
    data = imported_file(registry, spec.tree)
    return read_output(data, f"the imported tree {spec.tree!r}", spec.tree, spec.domain, spec.max_depth) if data else {}


def plan_rules(settings: Settings, spec: TreeSpec, spent: Spent) -> TreeRules:
    """What the size of the tree follows from; tokens and cost as they were on average so far, for this tree."""
    rules = settings.treesynth
    priced = spent.calls and not spent.unpriced_calls
    return TreeRules(
        max_depth=spec.max_depth,
        rows=spec.rows,
        per_call=rules.samples_per_call,
        sets_per_list=rules.sets_per_list,
        pivot_calls=-(-rules.pivots // rules.samples_per_call),
        tokens_per_request=spent.tokens / spent.calls if spent.calls else None,
        usd_per_request=spent.usd / spent.calls if priced else None,
    )


def level_plan(table: pl.DataFrame, depth: int, settings: Settings, about: tuple[TreeSpec, Domain]) -> TreeForecast:
    """What is still to come after a level, tokens and cost as they were on average so far."""
    spec, domain = about
    above = int(table["leaves_above"].head(1).sum())
    grown = table.filter(pl.col("reason").is_null())
    with closing(Ledger.of(settings)) as ledger:
        spent = ledger.costs.spent(spec.tree, kind="tree")
    return plan(grown, above, domain, depth, plan_rules(settings, spec, spent))


def _facts(depth: int, place: Place, table: pl.DataFrame, above: pl.DataFrame | None = None) -> Facts:
    """What the level's suite asks about splits, one value a node, and about the plan."""
    checks: dict[str, object] = {"requested": 1 if above is None else sum(1 for _ in next_nodes(above))}
    checks |= split_checks(table).to_dict()
    if table.is_empty():
        return {**checks, **dict.fromkeys(f"plan_{name}" for name in (*PLANNED, "rows_per_leaf"))}
    projected = level_plan(table, depth, place.settings, known_tree(place))
    planned = {f"plan_{name}": getattr(projected, name) for name in PLANNED}
    return {**checks, **planned, "plan_rows_per_leaf": projected.rows / max(projected.leaves, 1)}
