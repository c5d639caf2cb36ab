"""What descends from a seed, a model or a licence: rows of every stage, rejected ones and those of trees too."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from evergrow.assets.dataset.banned import as_banned
from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.evolution.children import begun_rounds, children
from evergrow.assets.names import CLEAN, COLLECTED, RELEASE, RESPONSES, SAMPLES, SEEDS, VERIFIED, round_name
from evergrow.assets.trust.rows import OF_ROOT
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.descent import why_banned
from evergrow.methods.text.counts import counted
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.batches import staged
from evergrow.resources.registry.releases import release_names
from evergrow.resources.registry.trees import registered_trees
from evergrow.resources.settings import Settings

COLUMNS = ("batch", "id", "root_id", "responder_model", "generator_model", *OF_ROOT)  # what descent is told by
SHOWN = 3  # bans that are named
DESCENDANT = dict.fromkeys(("batch", "id", "stage", "why"), pl.String)


def descendants(workspace: Workspace, wanted: Sequence[Ban]) -> pl.DataFrame:
    """One row a row, of whatever stage: `batch, id`, the last `stage` that it came to, and `why` it is concerned.

    Seeds are among them, rejected rows, and samples of trees that are no batch.
    """
    found = [pl.DataFrame(schema=DESCENDANT)]
    if not wanted:
        return found[0]
    batches = workspace.batches()
    trees = [tree for tree in registered_trees(workspace.registry) if tree not in batches]
    for rows in (*(_samples(workspace, batch) for batch in batches), *(_of_tree(workspace, tree) for tree in trees)):
        if rows.height:
            made_by = rows.select("batch", "id", "generator_model").drop_nulls().unique()
            told = rows.select("batch", "id", "stage", why=why_banned(rows, as_banned(wanted), made_by))
            latest = told.group_by("batch", "id", maintain_order=True).agg(
                pl.col("stage").last(), pl.col("why").drop_nulls().first()
            )
            found.append(latest.drop_nulls("why"))
    return pl.concat(found)


def banned_seeds(workspace: Workspace, batch: str) -> list[str]:
    """Says how many seeds of a batch are banned, if any: what grows from them is paid for and comes into no release."""
    if not (wanted := bans(workspace.registry)):
        return []
    registered = staged(workspace.registry, batch).read().lazy().with_columns(batch=pl.lit(batch), root_id="id")
    seeds = _told(registered, batch, "seeds").collect()
    made_by = seeds.select("batch", "id", "generator_model").drop_nulls()
    why = why_banned(seeds, as_banned(wanted), made_by).drop_nulls()
    if why.is_empty():
        return []
    are = counted(why.len(), "seeds are", "seed is")
    counts = [f"{what}: {rows:,}" for what, rows in why.value_counts(name="rows").sort("rows", "why").iter_rows()]
    whys = ", ".join(counts[: -SHOWN - 1 : -1]) + (f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else "")
    return [
        f"{are} banned ({whys}): what grows of that is paid for, but in no release; register the others (--replace)"
    ]


def banned_models(workspace: Workspace, settings: Settings, *roles: Literal["generator", "responder"]) -> list[str]:
    """Says which models that are about to write are banned: what they write is paid for and comes into no release."""
    wanted = {ban.value for ban in bans(workspace.registry) if ban.kind == "model"}
    asked = {role: model for role in roles if (model := settings.role(role).model)}
    if not wanted:
        return []
    with workspace.ledger() as ledger:
        known = {model: {model, ledger.answers_as(model)} for model in asked.values()}  # rows have what it answers as
    return [
        f"the model {model!r} (roles.{role}) is banned: what it writes is paid for, but in no release; name another"
        for role, model in asked.items()
        if known[model] & wanted
    ]


def _samples(workspace: Workspace, batch: str) -> pl.DataFrame:
    """Every row of a batch as each stage holds it, seeds and rejected ones too, in order: what descent is told by.

    A release may hold a row of other seeds than there are today, and what one stage tells of a row goes for it in all.
    A row that a stage has rejected, or had no answer for, is told as such.
    """
    seeds, instance = _seeds(workspace, batch), workspace.instance
    tables = [_told(seeds.lazy(), batch, "seeds")]
    tables += [
        _told(found[1], batch, round_name(number))
        for number in begun_rounds(instance, batch)
        if (found := children(instance, workspace.lake, batch, number))
    ]
    later = [(key.path[-1], key, batch) for key in (COLLECTED, RESPONSES, VERIFIED, CLEAN)]
    releases = [(f"release {n}", RELEASE, n) for n in release_names(workspace.registry)]
    for stage, key, partition in (*later, *releases):
        if (table := workspace.lake.ungated(workspace.instance, key, partition)) is not None:
            tables.append(_told(table, batch, stage))
    rows = pl.concat(tables).collect()
    of_seeds = [name for name in OF_ROOT if name in seeds.columns]
    if not of_seeds:
        return rows
    roots = seeds.select("root_id", *of_seeds).unique("root_id", keep="first")
    joined = rows.join(roots, on="root_id", how="left", suffix="_of_seed", maintain_order="left")
    return joined.with_columns(pl.coalesce(name, f"{name}_of_seed") for name in of_seeds).select(rows.columns)


def _of_tree(workspace: Workspace, tree: str) -> pl.DataFrame:
    """The samples of a tree that is no batch."""
    empty = pl.LazyFrame(schema=dict.fromkeys((*COLUMNS, "stage"), pl.String))
    shards = workspace.partitions(SAMPLES, tree)
    tables = [workspace.lake.ungated(workspace.instance, SAMPLES, shard) for shard in shards]
    told = [
        _told(table.with_columns(batch=pl.lit(tree), root_id="id"), tree, "samples")
        for table in tables
        if table is not None
    ]
    return pl.concat([empty, *told]).collect()


def _seeds(workspace: Workspace, batch: str) -> pl.DataFrame:
    """What is told of the seeds of a batch, loaded or only registered."""
    loaded = workspace.lake.ungated(workspace.instance, SEEDS, batch)
    if loaded is not None:
        seeds = loaded.collect()
    else:
        seeds = staged(workspace.registry, batch).read().with_columns(batch=pl.lit(batch), root_id="id")
    return seeds.select("batch", "id", "root_id", *(n for n in COLUMNS[3:] if n in told_by_root(seeds.schema)))


def _told(table: pl.LazyFrame, batch: str, stage: str) -> pl.LazyFrame:
    """The `COLUMNS` of a table's rows of a batch, what is not known being null, and the `stage`."""
    there = set(table.collect_schema())
    told = [pl.col(name) if name in there else pl.lit(None, pl.String).alias(name) for name in COLUMNS]
    left_out = pl.col("reason").is_not_null() if "reason" in there else pl.lit(value=False)
    where = pl.when(left_out).then(pl.lit(f"{stage}, rejected")).otherwise(pl.lit(stage))
    return table.filter(pl.col("batch") == batch).select(*told, stage=where)
