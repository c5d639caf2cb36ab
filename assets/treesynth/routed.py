"""The rows of a dataset, sorted down a tree (method.md B.12)."""

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import ROUTED, level_key
from evergrow.assets.outcomes import owed_metadata
from evergrow.assets.table import Declaration, Source, Table, role_values
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import known_tree
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.samples import whole_tree
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.evenness import Balance, balance
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.router import Router, tree_index
from evergrow.methods.treesynth.spec import BalanceSpec
from evergrow.resources.lake.lake import ALL_ROWS, IF_ANY
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.registry.trees import balance_dataset, balance_spec, tree_spec

STAGE = "routed"
ROUTED_SCHEMA = {
    **dict.fromkeys(("id", "leaf_id", "stuck_at"), pl.String()),
    "steps": pl.Int32(),
    "route_call_ids": pl.List(pl.String()),
    "reason": pl.String(),
}


def routed_table(levels: int) -> Table:
    """`treesynth/routed`, and its gate."""
    declared = Declaration(
        key=ROUTED,
        kind="tree",
        group="treesynth",
        job="tree_routed",
        ins=level_inputs(levels),
        prompts={"route": prompt("route").version},
        values=lambda settings: role_values(settings, "router"),
        files=_files,
        sources=level_sources,
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(routed, Gate(STAGE, _facts))


async def routed(
    context: dg.AssetExecutionContext,
    models: dg.ResourceParam[Models],
    places: dg.ResourceParam[Places],
    **levels: pl.DataFrame | None,
) -> pl.DataFrame:
    """The leaf of each row of the dataset; rows that find no way down have the reason, and where they are stuck."""
    place = places.at(context, ROUTED)
    spec, domain = known_tree(place)
    wanted = wanted_balance(place)
    nodes, dataset = whole_tree(levels, spec), balance_dataset(place.registry, spec.tree, wanted)
    asked = dataset.height * spec.max_depth
    async with models.engine(context, place) as engine, conversation(engine, STAGE, asked) as talk:
        engine.require_live("router", "generator")
        asker = Asker(talk, spec.seed, place.settings.treesynth)
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
            **owed_metadata(asker.owed),
            "dataset": wanted.origin,
            **report("before", balance(list(counts.values()))),
            **tree_metadata(nodes, counts),
        }
    )
    return table.select(pl.exclude("reason"), "reason")


def level_inputs(levels: int) -> dict[str, dg.AssetIn]:
    """All levels as inputs; a tree may end above the deepest level that there is."""
    return {
        f"level_{d}": dg.AssetIn(level_key(d), metadata=ALL_ROWS | (IF_ANY if d else {})) for d in range(levels + 1)
    }


def level_sources(place: Place) -> list[Source]:
    """The levels that the tree may have."""
    depths = range(tree_spec(place.registry, place.owner).max_depth + 1)
    return [Source(level_key(d), place.owner, required=d == 0) for d in depths]


def wanted_balance(place: Place) -> BalanceSpec:
    """What is to be balanced by the tree.

    Raises:
        dg.Failure: nothing is.
    """
    wanted = balance_spec(place.registry, place.owner)
    if wanted is None:
        raise dg.Failure(
            f"tree {place.owner!r} has no dataset to balance: name one with `evergrow tree balance {place.owner} "
            "--data FILE`",
            allow_retries=False,
        )
    return wanted


def dataset_files(place: Place) -> dict[str, str]:
    """What was registered to be balanced."""
    wanted = balance_spec(place.registry, place.owner)
    return {"the dataset to be balanced": f"{wanted.dataset} {wanted.redo_from} {wanted.redo}" if wanted else "-"}


def _files(place: Place) -> dict[str, str]:
    _, domain = known_tree(place)
    return {**dataset_files(place), f"the space of domain {domain.name!r}": domain.digest_of("space")}


def _facts(place: Place, table: pl.DataFrame) -> Facts:  # noqa: ARG001
    return {"requested": table["dataset_rows"].max() or 0}


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
