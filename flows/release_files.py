"""The release as files: what its card and manifest tell, from the lake, the ledger and the settings."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, cast

import dagster as dg
import polars as pl

from evergrow.assets.dataset.release import LIKENESS
from evergrow.assets.dataset.requests import ASKED
from evergrow.assets.names import CLEAN, COLLECTED, MAIN, RELEASE, SAMPLES
from evergrow.flows.calibrate import judge_note
from evergrow.flows.funnels import changed_since, funnel_as_made, release_funnel
from evergrow.flows.judged import judged
from evergrow.flows.preferences import paired
from evergrow.flows.recipes import settings_of
from evergrow.flows.release import released
from evergrow.flows.workspace import Workspace
from evergrow.methods.answering.responses import answer_prompt
from evergrow.methods.evolution import judge as judging
from evergrow.methods.evolution import synthesis
from evergrow.methods.quality.language import prevailing
from evergrow.methods.releasing.formats import PAIRED, Form
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.methods.releasing.training_recipes import Trainer
from evergrow.methods.treesynth.prompt_set import prompt
from evergrow.methods.verification.code_tests import tests_prompt
from evergrow.resources.lake.versions import latest_materialization, made_from, record_of
from evergrow.resources.llm.prices import price_of
from evergrow.resources.registry.exports import Export, begin_export, confirm_export, remember_export
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import export_owner
from evergrow.resources.registry.recipes import Kind, recipe
from evergrow.resources.releases.attestation import Signer
from evergrow.resources.releases.facts import Benchmarks, Facts
from evergrow.resources.releases.folders import put_back, require_room
from evergrow.resources.releases.loading import Loaded, check_loads
from evergrow.resources.releases.writing import NothingToRelease, WrittenRelease, write_release
from evergrow.resources.settings import Settings
from evergrow.resources.settings.recipe import with_recipe

LANGUAGE_ROWS = 1_000  # rows that tell which languages a release is in
CHECKED = {"benchmark": pl.String, "items": pl.Int64, "origin": pl.String}
TREE_PROMPTS = ("write", "split", "complete", "route", "adhere", "aware")
RECIPE = ("evolution", "treesynth", "answers", "verification", "sandbox", "cleaning", "release")
FUNNEL_OF_NOW = (
    "tables that these rows went through are not known any more: the funnel is told by the tables as they are now"
)
OTHERS = {"treesynth": "tree", "release": "release"}  # whose recipe sections obey that are not their batch's


class DoesNotLoad(Exception):  # noqa: N818 - it says what is wrong with the files
    """What was written cannot be loaded as a trainer does; the message names the file and the fault."""


def write_files(
    workspace: Workspace,
    folder: Path,
    form: Form,
    wanted: Wanted,
    only: pl.DataFrame | None = None,
    trainer: Trainer | None = None,
    name: str = MAIN,
    signer: Signer | None = None,
) -> tuple[WrittenRelease, Loaded]:
    """Write the rows of the release that are `wanted` into `folder`, and load them again as a trainer does.

    only: `batch, id` of the rows that may be written; None: any.
    trainer: whose ready configuration is put beside the data.

    Raises:
        dg.Failure: there is no release, or its gate is closed.
        BatchBusy: another export is being written into the folder.
        FolderTaken, NothingToRelease, DoesNotLoad: nothing can be written there, or of these rows, or what was written
            does not load.
    """
    # Held before anything is read: a takedown that is ordered meanwhile sees that there is more to do here.
    with lease(workspace.registry, export_owner(folder)):
        every = released(workspace, name)
        rows = every.filter(wanted.expr())
        if only is not None:
            rows = rows.join(only, on=["batch", "id"], how="semi")
        if rows.is_empty():
            raise NothingToRelease(f"none of the {every.height:,} rows of the release is wanted ({wanted.describe()})")
        thought = _thoughts(rows) if wanted.reasoning else ""
        left_out: dict[str, int] = {}
        if form in PAIRED:
            rows, left_out = paired(workspace, rows, form, reasoning=wanted.reasoning)
        require_room(folder)
        told = facts(workspace, rows, name, wanted)
        told = replace(told, left_out=left_out, limits=(*told.limits, *([thought] if thought else [])))
        done, loaded = _put(workspace, rows, Export(folder, form, wanted, release=name), told, trainer, signer)
        return replace(done, notes=[*done.notes, *([thought] if thought else [])]), loaded


def _put(
    workspace: Workspace,
    rows: pl.DataFrame,
    export: Export,
    told: Facts,
    trainer: Trainer | None = None,
    signer: Signer | None = None,
) -> tuple[WrittenRelease, Loaded]:
    """Write `rows` as `export`, which takes its place once it was loaded as a trainer does.

    Raises:
        FolderTaken, NothingToRelease, DoesNotLoad: as `write_files`; what stood there still does.
    """
    found: list[Loaded] = []

    def check(part: Path) -> None:
        found.append(loaded := check_loads(part, export.folder))
        if loaded.faults:
            raise DoesNotLoad("; ".join(map(str, loaded.faults)))

    def note(part: Path) -> None:  # a takedown that comes after a kill must know what it finds
        remember_export(workspace.registry, export, part)

    put_back(export.folder)  # what a kill between two renames has left beside its place
    begin_export(workspace.registry, export)
    done = write_release(rows, export.folder, export.form, told, trainer, signer, check, note)
    confirm_export(workspace.registry, export.folder)
    return done, found[0]


def _thoughts(rows: pl.DataFrame) -> str:
    """How many of the answers have what the model thought before them.

    Raises:
        NothingToRelease: none has.
    """
    there = rows["response_reasoning"].is_not_null().sum() if "response_reasoning" in rows.columns else 0
    if not there:
        raise NothingToRelease(
            f"none of the {rows.height:,} answers has its reasoning: the model gave none, or they were answered by a "
            "version that kept none; export without --with-reasoning"
        )
    return f"{there:,} of {rows.height:,} answers have the reasoning that led to them; the others begin at once"


def write_instructions(
    workspace: Workspace,
    samples: pl.DataFrame,
    folder: Path,
    form: Form,
    wanted: Wanted,
    signer: Signer | None = None,
) -> WrittenRelease:
    """Write collected `samples`, which have no answers yet, into `folder`.

    Raises:
        FolderTaken, NothingToRelease, DoesNotLoad: as `write_files`.
    """
    require_room(folder)
    batches = tuple(sorted(samples["batch"].unique()))
    funnels = [workspace.funnel(batch).select(pl.lit(batch).alias("batch"), pl.all()) for batch in batches]
    made = {batch: latest_materialization(workspace.instance, COLLECTED, batch) for batch in batches}
    owners = {f"batch {batch}": _made_by(workspace, "batch", batch, record) for batch, record in made.items()}
    told = replace(
        _of_batches(workspace, batches, owners),
        name=f"Instructions of {', '.join(batches)}",
        answered=False,
        funnel=pl.concat(funnels),
        selection=wanted.describe(),
        gates=judged(workspace, [(COLLECTED, batch) for batch in batches]),
    )
    rows, export = samples.with_columns(split=pl.lit("train")), Export(folder, form, wanted, answered=False)
    return _put(workspace, rows, export, told, signer=signer)[0]


def facts(workspace: Workspace, rows: pl.DataFrame, name: str, wanted: Wanted) -> Facts:
    """What the card and the manifest of these rows of the release tell."""
    batches, trees = (tuple(sorted(rows[column].drop_nulls().unique())) for column in ("batch", "tree"))
    asked = rows["content" if "content" in rows.columns else "instruction"].head(LANGUAGE_ROWS)
    owners = _owners(workspace, name, batches, trees)
    funnel, changed = funnel_as_made(workspace, batches, name), changed_since(workspace, name, batches)
    wanted_in = [owners[f"batch {batch}"].cleaning.languages for batch in batches]
    spoken = list(dict.fromkeys(chain(*wanted_in))) if all(wanted_in) else prevailing(asked)
    return replace(
        _of_batches(workspace, batches, owners),
        name=name,
        trees=trees,
        license=owners[f"release {name}"].release.license,
        funnel=release_funnel(workspace, batches, name) if funnel is None else funnel,
        benchmarks=_benchmarks(workspace, batches),
        language=tuple(spoken),
        selection=wanted.describe(),
        reasoning=wanted.reasoning,
        limits=_judges(workspace, rows, owners),
        lake=_lake(workspace, name),
        gates=judged(workspace, [(RELEASE, name)]),
        changed=(*changed, *([FUNNEL_OF_NOW] if changed and funnel is None else [])),
    )


def _owners(workspace: Workspace, name: str, batches: Iterable[str], trees: Iterable[str]) -> dict[str, Settings]:
    """What the batches and trees of a release and itself were made by: settings, by kind and name."""
    record = latest_materialization(workspace.instance, RELEASE, name)
    read = {one.place: record_of(workspace.instance, one) for one in made_from(record).read} if record else {}
    return {
        **{f"batch {batch}": _made_by(workspace, "batch", batch, read.get((CLEAN, batch))) for batch in batches},
        **{f"tree {tree}": _made_by(workspace, "tree", tree, _samples_of(workspace, tree)) for tree in trees},
        f"release {name}": _made_by(workspace, "release", name, record),
    }


def _samples_of(workspace: Workspace, tree: str) -> dg.EventLogRecord | None:
    """What the samples of a tree were made by: the first of its shards; all are made by one recipe."""
    made = (latest_materialization(workspace.instance, SAMPLES, shard) for shard in workspace.partitions(SAMPLES, tree))
    return next((record for record in made if record), None)


def _made_by(workspace: Workspace, kind: Kind, owner: str, record: dg.EventLogRecord | None) -> Settings:
    """The settings of the recipe that a table was made by; where that is not known, those of the owner's latest."""
    number = made_from(record).recipe if record else None
    known = recipe(workspace.registry, kind, owner, number) if number else None
    return with_recipe(workspace.settings, known.values) if known else settings_of(workspace, kind, owner)


def _judges(workspace: Workspace, rows: pl.DataFrame, owners: Mapping[str, Settings]) -> tuple[str, ...]:
    """How each judge of the rows did, as the recipes of their batches had it asked."""
    by = rows.select("batch", "judge_model").drop_nulls().unique().sort("judge_model", "batch")
    notes = (judge_note(workspace, model, owners[f"batch {batch}"]) for batch, model in by.iter_rows())
    return tuple(dict.fromkeys(notes))


def _of_batches(workspace: Workspace, batches: tuple[str, ...], owners: Mapping[str, Settings]) -> Facts:
    """What is known of batches, whatever is written of them.

    owners: the settings of the batches, and of the trees and the release if there are any, by kind and name.
    """
    settings = workspace.settings
    with workspace.ledger() as ledger:
        costs = ledger.costs.grouped(group_by=("batch", "kind", "model"))
    owner = pl.format("{} {}", "kind", "batch")
    named = pl.when(pl.col("kind") == "batch").then("batch").otherwise(owner)
    costs = costs.filter(owner.is_in(list(owners))).with_columns(batch=named).drop("kind")
    priced = [price for model in costs["model"].unique() if (price := price_of(settings, model)) is not None]
    return Facts(
        name="",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        batches=batches,
        recipe=_recipe(owners, settings),
        models=costs,
        prompts=_prompts([settings for owner, settings in owners.items() if owner.startswith("batch ")]),
        funnel=pl.DataFrame(),
        benchmarks=None,
        license=settings.release.license,
        price_tables=tuple(sorted({price.as_of for price in priced if price.as_of})),
        settings_digest=_digest(owners),
        code_version=version("evergrow"),
    )


def _recipe(owners: Mapping[str, Settings], otherwise: Settings) -> dict[str, object]:
    """The sections of the recipe as their owners agree on them, and below each what is an owner's own.

    otherwise: what sections obey of whose kind there is no owner.
    """
    told: dict[str, object] = {}
    for section in RECIPE:
        parts = {
            owner: getattr(settings, section).model_dump(mode="json")
            for owner, settings in owners.items()
            if owner.startswith(f"{OTHERS.get(section, 'batch')} ")
        } or {"": getattr(otherwise, section).model_dump(mode="json")}
        if section == "cleaning":  # a release looks for what is alike among its batches
            likeness = {
                owner: settings.cleaning.model_dump(mode="json", include=set(LIKENESS))
                for owner, settings in owners.items()
                if owner.startswith("release ")
            }
            parts |= likeness
        own = _disputed(list(parts.values()))
        told[section] = {name: value for part in parts.values() for name, value in part.items() if name not in own}
        for owner, part in parts.items() if own else ():
            told[f"{section} of {owner}"] = {name: part[name] for name in part if name in own}
    return told


def _disputed(parts: Sequence[Mapping[str, object]]) -> set[str]:
    """The names that have several values."""
    return {name for part in parts for name, value in part.items() if any(o.get(name, value) != value for o in parts)}


def _digest(owners: Mapping[str, Settings]) -> str:
    """Of all settings of the owners; of owners that agree it is that of one."""
    told = {owner: settings.model_dump(mode="json") for owner, settings in owners.items()}
    every = {json.dumps(one, sort_keys=True) for one in told.values()}
    return hashlib.sha256((every.pop() if len(every) == 1 else json.dumps(told, sort_keys=True)).encode()).hexdigest()


def _prompts(batches: Iterable[Settings]) -> dict[str, str]:
    ways = sorted({settings.evolution.judging for settings in batches})
    judges = {"judge" if len(ways) == 1 else f"judge ({way})": way for way in ways}
    answers = {f"answer ({task})": answer_prompt(task).version for task in ASKED}
    return {
        "direct": synthesis.direct_prompt().version,
        "optimise": synthesis.optimise_prompt().version,
        **{name: judging.judge_prompt(way).version for name, way in judges.items()},
        **answers,
        **{name: prompt(name).version for name in TREE_PROMPTS},
        "tests": tests_prompt().version,
    }


def _lake(workspace: Workspace, name: str) -> dict[str, str]:
    """The data versions of the tables that the release was read from."""
    record = latest_materialization(workspace.instance, RELEASE, name)
    return {f"{r.key.to_user_string()}/{r.partition}": r.version for r in made_from(record).read} if record else {}


def _benchmarks(workspace: Workspace, batches: tuple[str, ...]) -> Benchmarks:
    """What the rows were compared with when they were cleaned, whatever the folder of benchmarks holds today.

    Of several batches a benchmark counts as missing that the rows of one were not compared with.
    """
    told = [_compared_with(workspace, batch) for batch in batches]
    rows = {row[0]: row for found, _ in told for row in found}
    everywhere = set.intersection(*({name for name, _, _ in found} for found, _ in told))
    missing = {name for _, named in told for name in named} | (set(rows) - everywhere)
    checked = pl.DataFrame([rows[name] for name in sorted(everywhere)], schema=CHECKED, orient="row")
    tables = [workspace.lake.scan(workspace.instance, CLEAN, batch, "rejected", guarded=False) for batch in batches]
    hits = pl.concat(tables).filter(pl.col("benchmark").is_not_null()).group_by("benchmark").len().sort("benchmark")
    return Benchmarks(checked, tuple(sorted(missing)), dict(hits.collect().iter_rows()))


def _compared_with(workspace: Workspace, batch: str) -> tuple[list[tuple[str, int, str]], list[str]]:
    """What clean rows were compared with, in the columns of `CHECKED`, and what was missing."""
    record = latest_materialization(workspace.instance, CLEAN, batch)
    metadata = record.asset_materialization.metadata if record and record.asset_materialization else {}
    items, origins, missing = (
        cast(Any, metadata[name].value) for name in ("benchmarks", "benchmarks_from", "benchmarks_missing")
    )
    return [(name, count, origins[name]) for name, count in items.items()], missing
