"""Balancing a dataset by a tree: its rows are sorted down the tree, then leaves are thinned and filled (B.12)."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import BALANCED, ROUTED, TREES, gate_name, level_key
from evergrow.assets.tree_basis import BASIS, routed_basis
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import known_tree
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.samples import SAMPLE_SCHEMA, whole_tree
from evergrow.methods.ask import NoAnswer, Outage
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.balance import balance_quotas, thin
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.leaves import Leaf, Line
from evergrow.methods.treesynth.measures import Balance, balance
from evergrow.methods.treesynth.nodes import Node, Split, children, read_node, read_split
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.router import passed_down, read_route, render_route
from evergrow.methods.treesynth.samples import text_sample
from evergrow.methods.treesynth.spec import BalanceSpec
from evergrow.methods.treesynth.writer import Writer, line_rows, nothing_taken
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
            router = Router(asker, domain, _tree_index(nodes), wanted)
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


@dataclass(frozen=True, slots=True)
class Router:
    """Sorts texts into the leaves of one tree; see `redo_from` in `BalanceSpec` for what is asked anew."""

    asker: Asker
    domain: Domain
    index: Mapping[str, tuple[Node, Split | None]]
    wanted: BalanceSpec

    async def route(self, row: tuple[str, str]) -> tuple[str, str | None, str | None, int, str | None]:
        """`(id, leaf, node where it is stuck, questions, reason)` for a row's `(id, content)`."""
        name, text = row
        node, split = next(iter(self.index.values()))
        steps = 0
        while split is not None:
            below = passed_down(node, split)
            if below is None:
                steps += 1
                try:
                    told = await self._choose(node, split, text)
                except Outage as outage:
                    return name, None, node.id, steps, str(outage)
                if isinstance(told, NoAnswer):
                    return name, None, node.id, steps, f"unrouted: {told.reason}"[:300]
                if told is None:
                    return name, None, node.id, steps, f"unrouted: none fits of {split.dimension!r}"[:300]
                below = children(node, split)[told]
            if below.id not in self.index:
                return name, None, node.id, steps, "unrouted: the tree has no answer there; grow it again"
            node, split = self.index[below.id]
        return name, node.id, None, steps, None

    async def _choose(self, node: Node, split: Split, text: str) -> int | NoAnswer | None:
        slot = self.wanted.redo if node.depth >= self.wanted.redo_from else 0
        shown = render_route(self.domain, text, split)
        told = await self.asker.ask("router", shown, slot, partial(_read_route, split.values))
        return told if isinstance(told, NoAnswer) else told.value


def _read_route(values: tuple[str, ...], answer: object) -> int | None:
    return read_route(answer, values)


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
        leaves = [_leaf(row, quotas[row["id"]], held) for row, held in _with_rows(leaf_rows, thinned)]
        async with models.engine(context) as engine:
            asked = sum(-(-leaf.missing // rules.samples_per_call) for leaf in leaves)
            async with conversation(engine, "balanced", asked) as talk:
                asker = Asker(talk, spec.seed, settings.treesynth)
                writer = Writer(asker, embedder.embed, domain, spec.seed, rules.samples_per_call, rules.fill_rounds)
                await writer.fill(leaves, nothing_taken(rules.sample_similarity))
        table = _balanced_table(thinned, leaves, spec.tree, domain)
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
        f"{when}_entropy": found.entropy,
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


def _tree_index(nodes: pl.DataFrame) -> dict[str, tuple[Node, Split | None]]:
    """Nodes by id, the root first; a node that failed is no place for a row."""
    rows = nodes.filter(pl.col("reason").is_null()).iter_rows(named=True)
    return {row["id"]: (read_node(row), read_split(row)) for row in rows}


def _with_rows(
    leaf_rows: pl.DataFrame, thinned: pl.DataFrame
) -> Iterator[tuple[dict[str, Any], list[tuple[str, str]]]]:
    """Each leaf with the `(id, content)` of the rows that it keeps."""
    kept = thinned.filter(pl.col("reason").is_null())
    grouped = kept.group_by("leaf_id", maintain_order=True).agg("id", "content").iter_rows()
    held = {leaf: list(zip(ids, texts, strict=True)) for leaf, ids, texts in grouped}
    for row in leaf_rows.iter_rows(named=True):
        yield row, held.get(row["id"], [])


def _leaf(row: Mapping[str, Any], quota: int, held: list[tuple[str, str]]) -> Leaf:
    lines = [Line(text_sample(text), (), "kept", call_id=name) for name, text in held]
    return Leaf(read_node(row), quota, lines)


def _balanced_table(thinned: pl.DataFrame, leaves: list[Leaf], tree: str, domain: Domain) -> pl.DataFrame:
    """Kept and generated rows one below the other, then those that were thinned out; each says which it is."""
    written: list[dict[str, Any]] = []
    for leaf in leaves:
        for row in line_rows(leaf, tree, domain):
            if row["origin"] == "kept":
                # A row of the dataset keeps its own id, which its line carries in the place of a call's.
                written.append({**row, "id": row["call_id"], "call_id": None, "prompt_version": None})
            else:
                written.append({**row, "id": f"{row['id']}-made"})
    out = thinned.filter(pl.col("reason").is_not_null()).select(
        "id", "leaf_id", "content", "reason", tree=pl.lit(tree), origin=pl.lit("kept")
    )
    quotas = {leaf.node.id: leaf.quota for leaf in leaves}
    made_table = pl.DataFrame(written, schema=SAMPLE_SCHEMA, orient="row")
    table = pl.concat([made_table, out], how="diagonal")
    return table.with_columns(
        leaf_rows=pl.col("leaf_id").replace_strict(quotas, return_dtype=pl.Int64, default=0),
        tree_rows=pl.lit(sum(quotas.values()), pl.Int64),
    ).select(pl.exclude("reason"), "reason")
