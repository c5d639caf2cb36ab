"""The positive conversion of a tree's stories: the same people, who now can know (method.md B.11)."""

from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import AWARE, SAMPLES, shard_names, shard_partition
from evergrow.assets.outcomes import owed_metadata
from evergrow.assets.table import Declaration, Source, Table, role_values
from evergrow.assets.treesynth.asker import Asker
from evergrow.assets.treesynth.level import WRITING, known_tree
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
from evergrow.resources.llm import conversation
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places

STAGE = "aware"
KNOWN_AS_TEXT = "known_as_text"  # begins the reason of a sample whose parts nobody can tell: it was imported as a text
AWARE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "tree", "leaf_id", "unaware_story", "story", "clue", "question"), pl.String),
    **dict.fromkeys(("unaware_action", "aware_action", "reasoning", "letter", "input", "output"), pl.String),
    **dict.fromkeys(("generator_model", "prompt_version", "call_id", "run_id", "reason"), pl.String),
}


def aware_table() -> Table:
    """`treesynth/aware`, and its gate."""
    by_tree = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name="tree")
    declared = Declaration(
        key=AWARE,
        kind="tree",
        group="treesynth",
        job="tree_aware",
        ins={"samples": dg.AssetIn(SAMPLES, partition_mapping=by_tree)},
        prompts={STAGE: prompt(STAGE).version},
        values=lambda settings: role_values(settings, "generator"),
        files=_files,
        sources=all_shards,
        stage=STAGE,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    return declared.table(aware, Gate(STAGE, _facts))


async def aware(
    context: dg.AssetExecutionContext,
    samples: pl.DataFrame,
    models: dg.ResourceParam[Models],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """Each story with a clue in it, what the person does now, and a question whose right letter is A or B alike."""
    place = places.at(context, AWARE)
    spec, domain = known_tree(place)
    if not domain.converts:
        raise dg.Failure(no_stories(spec.tree, domain), allow_retries=False)
    async with models.engine(context, place) as engine, conversation(engine, STAGE, samples["fields"].count()) as talk:
        asker = Asker(talk, spec.seed, place.settings.treesynth)
        rows = await each(samples.iter_rows(named=True), partial(_convert, asker, domain))
    table = models.as_asked(_with_letters(pl.DataFrame(rows, schema=AWARE_SCHEMA, orient="row"), spec.seed))
    unknown = table["reason"].str.starts_with(KNOWN_AS_TEXT).sum()
    context.add_output_metadata({**engine.summary(), **owed_metadata(asker.owed), KNOWN_AS_TEXT: int(unknown)})
    return table.with_columns(samples=pl.lit(samples.height, pl.Int64)).select(pl.exclude("reason"), "reason")


def all_shards(place: Place) -> list[Source]:
    """All shards of the tree."""
    names = shard_names(place.settings.treesynth.shards)
    return [Source(SAMPLES, shard_partition(place.owner, name)) for name in names]


def _files(place: Place) -> dict[str, str]:
    _, domain = known_tree(place)
    return {f"the writing rules of domain {domain.name!r}": domain.digest_of(*WRITING, "aware")}


def _facts(place: Place, table: pl.DataFrame) -> Facts:  # noqa: ARG001
    return {"requested": table["samples"].max() or 0}


def no_stories(tree: str, domain: Domain) -> str:
    """Why a tree of this domain cannot be converted."""
    return (
        f"tree {tree!r} has the domain {domain.name!r}, whose samples are no stories of unaware people: its file has "
        "no key `aware`"
    )


async def _convert(asker: Asker, domain: Domain, row: dict[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("id", "tree", "leaf_id")}
    if not row["fields"]:
        why = f"{KNOWN_AS_TEXT}: it was imported without fields, which tell its story from its answers"
        return {**named, "unaware_story": row["content"], "reason": why}
    story, question, action = story_of(domain, row["fields"])
    known = {
        **named,
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
