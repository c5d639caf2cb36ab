"""A dataset with every leaf of a tree at its quota: leaves are thinned and filled (method.md B.12)."""

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.gates.treesynth import filling
from evergrow.assets.names import BALANCED, ROUTED
from evergrow.assets.outcomes import owed_metadata
from evergrow.assets.table import Declaration, Source, Table, role_values, section_values
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import WRITING, known_tree
from evergrow.assets.treesynth.pictures import tree_metadata
from evergrow.assets.treesynth.routed import (
    dataset_files,
    leaf_counts,
    level_inputs,
    level_sources,
    report,
    wanted_balance,
)
from evergrow.assets.treesynth.samples import AIMED, SAMPLE_SCHEMA, aimed_rows, whole_tree
from evergrow.methods.treesynth.balance import balance_quotas, balanced_rows, held_leaves, thin
from evergrow.methods.treesynth.evenness import balance
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.treesynth.writer import Writer, nothing_taken
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places

STAGE = "balanced"
FILLING_RULES = ("samples_per_call", "fill_rounds", "sample_similarity", "write_temperature")


def balanced_table(levels: int) -> Table:
    """`treesynth/balanced`, and its gate."""
    declared = Declaration(
        key=BALANCED,
        kind="tree",
        group="treesynth",
        job="tree_balanced",
        ins={"routed": dg.AssetIn(ROUTED), **level_inputs(levels)},
        prompts={"write": prompt("write").version},
        values=lambda settings: {
            **role_values(settings, "generator"),
            **section_values(settings, "treesynth", *FILLING_RULES),
        },
        files=_files,
        sources=_sources,
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(balanced, Gate(STAGE, _facts))


async def balanced(
    context: dg.AssetExecutionContext,
    routed: pl.DataFrame,
    models: dg.ResourceParam[Models],
    embedders: dg.ResourceParam[Embedders],
    places: dg.ResourceParam[Places],
    **levels: pl.DataFrame | None,
) -> pl.DataFrame:
    """The dataset with every leaf at its quota: rows that were kept, and rows generated for thin leaves."""
    place = places.at(context, BALANCED)
    spec, domain = known_tree(place)
    rules = place.settings.treesynth
    wanted, nodes = wanted_balance(place), whole_tree(levels, spec)
    leaf_rows = nodes.filter(pl.col("state") == "leaf")
    quotas = balance_quotas(leaf_rows, leaf_counts(nodes, routed), wanted.rows)
    thinned = thin(routed, quotas, spec.seed)
    leaves = held_leaves(leaf_rows, thinned, quotas)
    async with models.engine(context, place) as engine:
        asked = sum(-(-leaf.missing // rules.samples_per_call) for leaf in leaves)
        async with conversation(engine, STAGE, asked) as talk:
            asker, embed = Asker(talk, spec.seed, rules), embedders.at(place).embed
            writer = Writer(asker, embed, domain, spec.seed, rules.samples_per_call, rules.fill_rounds)
            await writer.fill(leaves, nothing_taken(rules.sample_similarity, embedders.at(place).device))
            asker.owes_rows(leaves)
    table = models.as_asked(balanced_rows(thinned, leaves, spec.tree, domain, SAMPLE_SCHEMA))
    before, after = leaf_counts(nodes, routed), leaf_counts(nodes, table)
    context.add_output_metadata(
        {
            **engine.summary(),
            **owed_metadata(asker.owed),
            AIMED: sum(quotas.values()),
            **report("before", balance(list(before.values()))),
            **report("after", balance(list(after.values()))),
            **tree_metadata(nodes, after),
        }
    )
    return table


def _files(place: Place) -> dict[str, str]:
    wanted, (_, domain) = wanted_balance(place), known_tree(place)
    return {
        **dataset_files(place),
        "the rows that the balanced dataset aims at": str(wanted.rows),
        f"the writing rules of domain {domain.name!r}": domain.digest_of(*WRITING),
    }


def _sources(place: Place) -> list[Source]:
    return [Source(ROUTED, place.owner), *level_sources(place)]


def _facts(place: Place, table: pl.DataFrame) -> Facts:
    return filling(table, aimed_rows(place, table["tree_rows"]))
