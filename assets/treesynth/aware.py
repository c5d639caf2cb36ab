"""The positive conversion of a tree's stories: the same people, who now can know (method.md B.11)."""

import hashlib
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts, gate
from evergrow.assets.names import AWARE, SAMPLES, TREES, gate_name
from evergrow.assets.tree_basis import BASIS, all_samples_basis
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import known_tree
from evergrow.methods.ask import NoAnswer, Outage
from evergrow.methods.concurrency import each
from evergrow.methods.treesynth.aware import (
    Aware,
    balanced_letters,
    conversation_of,
    read_aware,
    render_aware,
    story_of,
)
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.prompt_set import prompt, version
from evergrow.resources.lake.readable import GATES
from evergrow.resources.lake.versions import UNANSWERED
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings import Settings

STAGE = "aware"
AWARE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "tree", "leaf_id", "unaware_story", "story", "clue", "question"), pl.String),
    **dict.fromkeys(("unaware_action", "aware_action", "reasoning", "letter", "input", "output"), pl.String),
    **dict.fromkeys(("generator_model", "prompt_version", "call_id", "run_id", "reason"), pl.String),
}


def aware_definitions(settings: Settings) -> dg.Definitions:
    """The asset `treesynth/aware`, its gate and its job."""
    by_tree = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name="tree")
    code = (prompt("aware").version, settings.role("generator").model_dump(exclude={"endpoint"}))

    @dg.asset(
        key=AWARE,
        group_name="treesynth",
        partitions_def=TREES,
        ins={"samples": dg.AssetIn(SAMPLES, partition_mapping=by_tree)},
        code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
        metadata={GATES: [gate_name(STAGE)]},
        kinds={"openai"},
        pool="llm",
    )
    async def aware(
        context: dg.AssetExecutionContext,
        samples: pl.DataFrame,
        registry: dg.ResourceParam[Registry],
        models: dg.ResourceParam[Models],
    ) -> pl.DataFrame:
        """Each story with a clue in it, what the person does now, and a question whose right letter is A or B alike."""
        spec, domain = known_tree(registry, settings, context.partition_key)
        stories = samples.filter(pl.col("fields").is_not_null())
        if not domain.converts:
            raise dg.Failure(no_stories(spec.tree, domain), allow_retries=False)
        async with models.engine(context) as engine, conversation(engine, STAGE, stories.height) as talk:
            asker = Asker(talk, spec.seed, settings.treesynth)
            rows = await each(stories.iter_rows(named=True), partial(_convert, asker, domain))
        table = _with_letters(pl.DataFrame(rows, schema=AWARE_SCHEMA, orient="row"), spec.seed)
        context.add_output_metadata(
            {
                **engine.summary(),
                UNANSWERED: asker.failed,
                BASIS: all_samples_basis(context.instance, settings, spec.tree),
            }
        )
        return table.with_columns(samples=pl.lit(stories.height, pl.Int64)).select(pl.exclude("reason"), "reason")

    @gate(aware, STAGE, settings, {})
    def aware_gate(table: pl.DataFrame) -> Facts:
        return {"requested": table["samples"].max() or 0}

    job = dg.define_asset_job("tree_aware", selection=dg.AssetSelection.assets(aware))
    return dg.Definitions(assets=[aware], asset_checks=[aware_gate], jobs=[job])


def no_stories(tree: str, domain: Domain) -> str:
    """Why a tree of this domain cannot be converted."""
    return (
        f"tree {tree!r} has the domain {domain.name!r}, whose samples are no stories of unaware people: its file has "
        "no key `aware`"
    )


async def _convert(asker: Asker, domain: Domain, row: dict[str, Any]) -> dict[str, Any]:
    story, question, action = story_of(domain, row["fields"])
    known = {
        **{name: row[name] for name in ("id", "tree", "leaf_id")},
        "unaware_story": story,
        "question": question,
        "unaware_action": action,
        "prompt_version": version("aware", domain),
    }
    shown = render_aware(domain, story, question, action)
    try:
        told = await asker.ask("generator", shown, 0, lambda answer: read_aware(answer, story, action))
    except Outage as outage:
        return {**known, "reason": str(outage)}
    if isinstance(told, NoAnswer):
        return {**known, "reason": f"{'refused' if told.declined else 'invalid'}: {told.reason}"[:300]}
    found: Aware = told.value
    return {
        **known,
        "story": found.story,
        "clue": found.clue,
        "aware_action": found.aware_action,
        "reasoning": found.reasoning,
        "generator_model": told.model,
        "call_id": told.call_id,
        "run_id": told.run_id,
    }


def _with_letters(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Letters dealt so that A and B are right equally often, and the record that is made with them."""
    kept = table.filter(pl.col("reason").is_null())
    letters = dict(zip(kept["id"].to_list(), balanced_letters(kept["id"].to_list(), seed), strict=True))
    rows = []
    for row in table.iter_rows(named=True):
        letter = letters.get(row["id"])
        if letter:
            right, wrong = row["aware_action"], row["unaware_action"]
            choices = (right, wrong) if letter == "A" else (wrong, right)
            record = conversation_of(row["story"], row["question"], choices, letter, row["reasoning"])
            row |= {"letter": letter, **record}
        rows.append(row)
    return pl.DataFrame(rows, schema=AWARE_SCHEMA, orient="row")
