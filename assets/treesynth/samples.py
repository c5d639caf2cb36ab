"""A tree's samples: each shard of its leaves filled to its exact share of the target (method.md B.15).

Shards are made in their order: a later one repeats nothing that an earlier one holds.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.gates.measured import ComparedSets, MeasuredSet
from evergrow.assets.gates.treesynth import filling
from evergrow.assets.names import SAMPLES, level_key, remedy, shard_names, shard_partition, tree_shards
from evergrow.assets.outcomes import owed_metadata
from evergrow.assets.table import Declaration, Source, Table, embedding_values, role_values, section_values
from evergrow.assets.text_sets import tree_set
from evergrow.assets.treesynth.asker import GROWING, Asker
from evergrow.assets.treesynth.level import WRITING, known_tree
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.requests import samples_works, writing_of
from evergrow.methods.nested_rows import nested_rows
from evergrow.methods.text.counts import counted
from evergrow.methods.treesynth import adherence
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.evenness import balance
from evergrow.methods.treesynth.leaves import Leaf, leaf_quotas
from evergrow.methods.treesynth.nodes import ATTRIBUTES, connected, read_node
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.writer import AFTER_PIVOTS, Writer, line_rows, nothing_taken, pivot_lines, take
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY, Lake, NeverMaterialized
from evergrow.resources.lake.versions import latest_materialization, note, noted
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.registry.trees import tree_spec
from evergrow.resources.settings.growth import TreeSynth

STAGE = "samples"
AIMED = "rows_aimed_at"  # metadata: rows that the leaves of a table are to hold
WRITING_RULES = (
    *("samples_per_call", "sets_per_list", "leaf_weights", "fill_rounds", "shards", "adherence_rows"),
    *("sample_similarity", "write_temperature"),
)
SAMPLE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "tree", "leaf_id", "domain"), pl.String),
    "attributes": ATTRIBUTES,
    **dict.fromkeys(("content", "fields", "letter", "told", "origin"), pl.String),
    **dict.fromkeys(("generator_model", "prompt_version", "call_id", "run_id"), pl.String),
    "likeness": pl.Float64,
    "leaf_rows": pl.Int64,
    "reason": pl.String,
}


def samples_table(levels: int, shards: int) -> Table:
    """`treesynth/samples` over so many levels below the root and so many shards, and its gate."""
    by_tree = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name="tree")
    # A tree may end above the deepest level that there is.
    ins = {
        f"level_{d}": dg.AssetIn(level_key(d), partition_mapping=by_tree, metadata=ALL_ROWS | (IF_ANY if d else {}))
        for d in range(levels + 1)
    }
    declared = Declaration(
        key=SAMPLES,
        kind="tree",
        group="treesynth",
        job="tree_samples",
        partitions=tree_shards(shards),
        ins=ins,
        prompts={name: prompt(name).version for name in ("write", "adhere")},
        values=lambda settings: {
            **role_values(settings, "generator", "judge"),
            **section_values(settings, "treesynth", *WRITING_RULES),
            **embedding_values(settings),
        },
        files=_files,
        sources=_sources,
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(samples, Gate(STAGE, _facts, sets=_sets))


async def samples(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    models: dg.ResourceParam[Models],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
    **levels: pl.DataFrame | None,
) -> pl.DataFrame:
    """The samples of the shard's leaves; what was written and is not kept has its reason."""
    place = places.at(context, SAMPLES)
    spec, domain = known_tree(place)
    rules, embedder = place.settings.treesynth, embedders.at(place)
    shard = shard_of(place)
    nodes = whole_tree(levels, spec)
    leaves = shard_leaves(nodes, spec, domain, rules, shard)
    taken, before = nothing_taken(rules.sample_similarity, embedder.device), _earlier(place, lake)
    for earlier in before:
        kept = lake.version(earlier).select("leaf_id", "content", "fields", "letter", "told").collect()
        await take(taken, kept, domain, embedder.embed)
    calls, checks = writing_of([leaf.missing for leaf in leaves], rules), rules.adherence_rows
    planned = models.forecast(place, *samples_works(domain, rules, spec.max_depth, calls, checks=checks))
    async with models.engine(context, place) as engine:
        engine.require_live(*GROWING)
        async with conversation(engine, f"samples {shard}", calls + checks) as talk:
            asker = Asker(talk, spec.seed, rules)
            writer = Writer(asker, embedder.embed, domain, spec.seed, rules.samples_per_call, rules.fill_rounds)
            await writer.fill(leaves, taken)
            asker.owes_rows(leaves)
            table = models.as_asked(_table(leaves, spec, domain))
            # What is the user's own is taken as it is, and costs nothing.
            own = table.filter(pl.col("reason").is_null() & (pl.col("origin") != "imported"))
            asked = adherence.chosen(own, adherence.siblings(nodes), spec.seed, checks)
            checked = await adherence.check(asker, domain, asked)
    table = table.join(checked, on="id", how="left", maintain_order="left")
    counts = {leaf.node.id: len(leaf.kept) for leaf in leaves}
    shown = nodes.filter(pl.col("id").is_in(_with_ancestors(leaves, nodes)))
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **metadata.embedding(embedder),
            **owed_metadata(asker.owed),
            **note(before),
            AIMED: sum(leaf.quota for leaf in leaves),
            **_spread(list(counts.values())),
            **tree_metadata(shown, counts),
            **metadata.sample(table, "content", "leaf_id"),
        }
    )
    return table


def shard_of(place: Place) -> str:
    """The shard that a partition of samples is."""
    return str(place.partition).partition("|")[0]


def _files(place: Place) -> dict[str, str]:
    """What a shard depends on besides tables: the target, and what the domain says of a sample."""
    spec, domain = known_tree(place)
    return {
        "the rows that the tree aims at, or its seed": f"{spec.rows} {spec.seed}",
        f"the writing rules of domain {domain.name!r}": domain.digest_of(*WRITING),
    }


def _sources(place: Place) -> list[Source]:
    """The levels, and the shards before this one."""
    spec = tree_spec(place.registry, place.owner)
    levels = [Source(level_key(d), place.owner, required=d == 0) for d in range(spec.max_depth + 1)]
    names = shard_names(place.settings.treesynth.shards)
    earlier = names[: names.index(shard_of(place))] if shard_of(place) in names else names
    return levels + [Source(SAMPLES, shard_partition(place.owner, name)) for name in earlier]


def aimed_rows(place: Place, column: pl.Series) -> int | None:
    """Rows that the table of a place was to hold: as its materialization notes, which an empty one has as well."""
    found = noted(latest_materialization(place.instance, place.key, place.partition), AIMED)
    return int(found) if found is not None else next(iter(column), None)


def _facts(place: Place, table: pl.DataFrame) -> Facts:
    return filling(table, aimed_rows(place, table["shard_rows"]))


def _sets(place: Place, lake: Lake, table: pl.DataFrame) -> ComparedSets | None:
    """The whole tree, once its last shard is there."""
    if shard_of(place) != shard_names(place.settings.treesynth.shards)[-1]:
        return None
    return ComparedSets(tree_set(place, lake, place.owner) or MeasuredSet(metadata.kept(table)["content"]))


def whole_tree(levels: dict[str, pl.DataFrame | None], spec: TreeSpec) -> pl.DataFrame:
    """All nodes of a tree down to its depth, the root first, with those that failed.

    Raises:
        dg.Failure: a level is missing, or older than the one above it.
    """
    made: list[pl.DataFrame] = []
    for depth in range(spec.max_depth + 1):
        level = levels.get(f"level_{depth}")
        if level is None or (depth and level.is_empty()):
            break
        made.append(level)
    try:
        return connected(made)
    except ValueError as error:
        raise dg.Failure(f"tree {spec.tree!r}: {error}", allow_retries=False) from error


def grown_nodes(instance: dg.DagsterInstance, lake: Lake, spec: TreeSpec) -> pl.DataFrame:
    """All nodes of a tree as far as it has grown, the root first, whatever the gates say.

    Raises:
        NeverMaterialized: it was never begun.
    """
    levels: dict[str, pl.DataFrame | None] = {}
    for depth in range(spec.max_depth + 1):
        level = lake.ungated(instance, level_key(depth), spec.tree)
        if level is None:
            if depth == 0:
                raise NeverMaterialized(key := level_key(depth), spec.tree, remedy(key, spec.tree))
            break
        levels[f"level_{depth}"] = level.collect()
    try:
        return whole_tree(levels, spec)
    except dg.Failure:  # it is still growing: its lowest level names children that do not exist yet
        return pl.concat([level for level in levels.values() if level is not None], how="diagonal_relaxed")


def shard_leaves(nodes: pl.DataFrame, spec: TreeSpec, domain: Domain, rules: TreeSynth, shard: str) -> list[Leaf]:
    """The leaves that belong to a shard, in the order of the tree, with their quotas and what they hold already.

    Raises:
        dg.Failure: rows are aimed at and there is no leaf.
    """
    number, leaves = shard_names(rules.shards).index(shard), nodes.filter(pl.col("state") == "leaf")
    own = {"per_call": rules.samples_per_call, "sets_per_list": rules.sets_per_list}
    taken = leaves.filter(pl.col("split_source") == "imported").select("id", pl.col("pivots").list.len())
    held = dict(taken.iter_rows())
    quotas = leaf_quotas(leaves, spec.rows, **own, alike=rules.leaf_weights == "equal", held=held)
    if not quotas and spec.rows:
        raise dg.Failure(
            f"tree {spec.tree!r} has no leaf that could hold its {counted(spec.rows, 'rows')}", allow_retries=False
        )
    found = []
    for row in leaves[number :: rules.shards].iter_rows(named=True):
        lines = pivot_lines(row, domain)
        found.append(Leaf(read_node(row), quotas[row["id"]], lines, AFTER_PIVOTS if lines else 0))
    return found


def _earlier(place: Place, lake: Lake) -> list[dg.EventLogRecord]:
    """The current versions of the shards before this one, which are read through their gates."""
    names = shard_names(place.settings.treesynth.shards)
    earlier = names[: names.index(shard_of(place))]
    return [lake.current(place.instance, SAMPLES, shard_partition(place.owner, name)) for name in earlier]


def _table(leaves: Sequence[Leaf], spec: TreeSpec, domain: Domain) -> pl.DataFrame:
    aimed = sum(leaf.quota for leaf in leaves)
    rows = (row for leaf in leaves for row in line_rows(leaf, spec.tree, domain))
    return nested_rows(rows, SAMPLE_SCHEMA).with_columns(shard_rows=pl.lit(aimed, pl.Int64))


def _spread(counts: Sequence[int]) -> dict[str, Any]:
    found = balance(counts)
    return {"leaves": found.leaves, "empty_leaves": found.empty, "entropy": found.entropy, "gini": found.gini}


def _with_ancestors(leaves: Sequence[Leaf], nodes: pl.DataFrame) -> list[str]:
    parents = dict(zip(nodes["id"].to_list(), nodes["parent_id"].to_list(), strict=True))
    wanted: set[str] = set()
    for leaf in leaves:
        node: str | None = leaf.node.id
        while node is not None and node not in wanted:
            wanted.add(node)
            node = parents[node]
    return sorted(wanted)
