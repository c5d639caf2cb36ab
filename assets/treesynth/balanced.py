"""Balancing a dataset by a tree: its rows are sorted down the tree, then leaves are thinned and filled (B.12)."""

import hashlib

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import BALANCED, ROUTED, TREES, gate_name, level_key
from evergrow.assets.tree_basis import BASIS, routed_basis
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import known_tree
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.samples import SAMPLE_SCHEMA, whole_tree
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.balance import balance_quotas, balanced_rows, held_leaves, thin
from evergrow.methods.treesynth.measures import Balance, balance
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.router import Router, tree_index
from evergrow.methods.treesynth.spec import BalanceSpec
from evergrow.methods.treesynth.writer import Writer, nothing_taken
from evergrow.resources.embedding.embedder import Embedder
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY
from evergrow.resources.lake.readable import GATES
from evergrow.resources.lake.versions import UNANSWERED
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import balance_dataset, balance_spec
from evergrow.resources.settings import Settings

FILLING_RULES = {"samples_per_call", "fill_rounds", "sample_similarity", "write_temperature"}
ROUTED_SCHEMA = {"id": pl.String, "leaf_id": pl.String, "stuck_at": pl.String, "steps": pl.Int32, "reason": pl.String}


def balance_definitions(settings: Settings) -> dg.Definitions:
    """The assets `treesynth/routed` and `treesynth/balanced`, their gates and their jobs."""
    routed, balanced = _routed(settings), _balanced(settings)

    @gate(routed, "routed", settings, {})
    def routed_gate(table: pl.DataFrame) -> Facts:
        return {"requested": table["dataset_rows"].max() or 0}

    @gate(balanced, "balanced", settings, {})
    def balanced_gate(table: pl.DataFrame) -> Facts:  # noqa: ARG001 - all that is judged stands in its rows
        return {}

    jobs = [
        dg.define_asset_job(f"tree_{name}", selection=dg.AssetSelection.assets(asset))
        for name, asset in (("routed", routed), ("balanced", balanced))
    ]
    return dg.Definitions(assets=[routed, balanced], asset_checks=[routed_gate, balanced_gate], jobs=jobs)


def _levels(settings: Settings) -> dict[str, dg.AssetIn]:
    return {
        f"level_{d}": dg.AssetIn(level_key(d), metadata={**ALL_ROWS, **(IF_ANY if d else {})})
        for d in range(settings.treesynth.max_depth + 1)
    }


def _code(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _routed(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=ROUTED,
        group_name="treesynth",
        partitions_def=TREES,
        ins=_levels(settings),
        code_version=_code(prompt("route").version, settings.role("router").model_dump(exclude={"endpoint"})),
        metadata={GATES: [gate_name("routed")]},
        kinds={"openai"},
        pool="llm",
    )
    async def routed(
        context: dg.AssetExecutionContext,
        registry: dg.ResourceParam[Registry],
        models: dg.ResourceParam[Models],
        **levels: pl.DataFrame | None,
    ) -> pl.DataFrame:
        """The leaf of each row of the dataset; rows that find no way down have the reason, and where they are stuck."""
        spec, domain = known_tree(registry, settings, context.partition_key)
        wanted = _wanted(registry, spec.tree)
        nodes, dataset = whole_tree(levels, spec), balance_dataset(registry, spec.tree, wanted)
        asked = dataset.height * spec.max_depth
        async with models.engine(context) as engine, conversation(engine, "routed", asked) as talk:
            engine.require_live("router", "generator")
            asker = Asker(talk, spec.seed, settings.treesynth)
            router = Router(asker, domain, tree_index(nodes), wanted)
            found = await each(dataset.select("id", "content").iter_rows(), router.route)
        ways = pl.DataFrame(found, schema=ROUTED_SCHEMA, orient="row")
        table = dataset.join(ways, on="id", how="left", maintain_order="left").with_columns(
            tree=pl.lit(spec.tree), dataset_rows=pl.lit(dataset.height, pl.Int64)
        )
        counts = leaf_counts(nodes, table)
        context.add_output_metadata(
            {
                **engine.summary(),
                UNANSWERED: asker.failed,
                BASIS: routed_basis(context.instance, registry, spec.tree),
                "dataset": wanted.origin,
                **report("before", balance(list(counts.values()))),
                **tree_metadata(nodes, counts),
            }
        )
        return table.select(pl.exclude("reason"), "reason")

    return routed


def _balanced(settings: Settings) -> dg.AssetsDefinition:
    rules = settings.treesynth

    @dg.asset(
        key=BALANCED,
        group_name="treesynth",
        partitions_def=TREES,
        ins={"routed": dg.AssetIn(ROUTED), **_levels(settings)},
        code_version=_code(
            prompt("write").version,
            settings.role("generator").model_dump(exclude={"endpoint"}),
            rules.model_dump(include=FILLING_RULES),
        ),
        metadata={GATES: [gate_name("balanced")]},
        kinds={"openai"},
        pool="llm",
    )
    async def balanced(
        context: dg.AssetExecutionContext,
        routed: pl.DataFrame,
        registry: dg.ResourceParam[Registry],
        models: dg.ResourceParam[Models],
        embedder: dg.ResourceParam[Embedder],
        **levels: pl.DataFrame | None,
    ) -> pl.DataFrame:
        """The dataset with every leaf at its quota: rows that were kept, and rows generated for thin leaves."""
        spec, domain = known_tree(registry, settings, context.partition_key)
        wanted, nodes = _wanted(registry, spec.tree), whole_tree(levels, spec)
        leaf_rows = nodes.filter(pl.col("state") == "leaf")
        quotas = balance_quotas(leaf_rows, leaf_counts(nodes, routed), wanted.rows)
        thinned = thin(routed, quotas, spec.seed)
        leaves = held_leaves(leaf_rows, thinned, quotas)
        async with models.engine(context) as engine:
            asked = sum(-(-leaf.missing // rules.samples_per_call) for leaf in leaves)
            async with conversation(engine, "balanced", asked) as talk:
                asker = Asker(talk, spec.seed, settings.treesynth)
                writer = Writer(asker, embedder.embed, domain, spec.seed, rules.samples_per_call, rules.fill_rounds)
                await writer.fill(leaves, nothing_taken(rules.sample_similarity))
        table = balanced_rows(thinned, leaves, spec.tree, domain, SAMPLE_SCHEMA)
        before, after = leaf_counts(nodes, routed), leaf_counts(nodes, table)
        context.add_output_metadata(
            {
                **engine.summary(),
                UNANSWERED: asker.failed,
                BASIS: f"{routed_basis(context.instance, registry, spec.tree)} {wanted.rows}",
                **report("before", balance(list(before.values()))),
                **report("after", balance(list(after.values()))),
                **tree_metadata(nodes, after),
            }
        )
        return table

    return balanced


def leaf_counts(nodes: pl.DataFrame, rows: pl.DataFrame) -> dict[str, int]:
    """How many kept `rows` each leaf holds, empty ones too."""
    kept = rows.filter(pl.col("reason").is_null()) if "reason" in rows.columns else rows
    held = dict(kept.group_by("leaf_id").len().iter_rows())
    return {leaf: held.get(leaf, 0) for leaf in nodes.filter(pl.col("state") == "leaf")["id"]}


def report(when: str, found: Balance) -> dict[str, float | int]:
    """A balance as metadata, which the UI plots."""
    return {
        f"{when}_rows": found.rows,
        f"{when}_leaves": found.leaves,
        f"{when}_entropy": found.entropy,
        f"{when}_entropy_ceiling": found.entropy_ceiling,
        f"{when}_gini": found.gini,
        f"{when}_empty_leaves": found.empty,
        f"{when}_largest_leaf": found.largest,
    }


def _wanted(registry: Registry, tree: str) -> BalanceSpec:
    wanted = balance_spec(registry, tree)
    if wanted is None:
        raise dg.Failure(
            f"tree {tree!r} has no dataset to balance: name one with `evergrow tree balance {tree} --data FILE`",
            allow_retries=False,
        )
    return wanted
