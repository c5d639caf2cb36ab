"""What is banned, as a release sees it: which rows descend from it, and a release's own rows without them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.dataset.funnel import made_rounds
from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.names import RELEASE, SEEDS, stage_key
from evergrow.methods.releasing.descent import Banned, why_banned
from evergrow.methods.text.ids import spellings
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import data_version, latest_materialization, made_from
from evergrow.resources.place import Place
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.releases import cleared, set_clear

BANNED = "what is banned"  # of the files that a release is made from
_COLUMNS = ("batch", "id", "generator_model")


def basis(forbidden: Sequence[Ban]) -> str:
    """What a release depends on beside tables and rules: what is banned, a seed in all spellings of its id.

    So a release that was made before these were known is one that a takedown has to look through again.
    """
    seeds = [ban.value for ban in forbidden if ban.kind == "seed"]
    every = {*forbidden, *(Ban("seed", way) for seed in seeds for way in spellings(seed))}
    return hashlib.sha256(repr(sorted(every)).encode()).hexdigest()[:12]


def basis_of(place: Place) -> str:
    """The basis of what is banned now; of a version that holds nothing of it, the one that it was made with."""
    now, version = basis(bans(place.registry)), latest_materialization(place.instance, RELEASE, place.partition)
    if version is None or cleared(place.registry, place.owner) != (data_version(version), now):
        return now
    return made_from(version).files.get(BANNED, now)


def clear(place: Place, forbidden: Sequence[Ban]) -> None:
    """Note that the version of a release that there is holds nothing of what is `forbidden`: it stays as it is."""
    version = latest_materialization(place.instance, RELEASE, place.partition)
    if version is not None:
        set_clear(place.registry, place.owner, data_version(version), basis(forbidden))


def as_banned(forbidden: Sequence[Ban]) -> Banned:
    """Bans by their kind."""
    by_kind = {kind: [ban.value for ban in forbidden if ban.kind == kind] for kind in ("seed", "model", "licence")}
    return Banned(by_kind["seed"], by_kind["model"], by_kind["licence"])


def written(instance: dg.DagsterInstance, lake: Lake, batches: Sequence[str]) -> pl.DataFrame:
    """Who wrote the samples of all rounds of these batches, and their seeds: `batch, id, generator_model`."""
    tables = [pl.LazyFrame(schema=dict.fromkeys(_COLUMNS, pl.String))]
    for batch in batches:
        seeds = lake.scan(instance, SEEDS, batch, guarded=False)
        grown = set(_COLUMNS) <= set(told_by_root(seeds.collect_schema()))
        keys = [stage_key(n, "accepted") for n in made_rounds(instance, batch)]
        rounds = [lake.scan(instance, key, batch, "all", guarded=False) for key in keys]
        tables += [table.select(_COLUMNS) for table in ([seeds, *rounds] if grown else rounds)]
    return pl.concat(tables).drop_nulls().collect()


@dataclass(frozen=True, slots=True)
class TakenDown:
    """The `rows` of a release, what is banned now among those that it leaves out.

    `replaceable`: how many were taken down that others may take the place of, if the release is made anew.
    """

    rows: pl.DataFrame
    replaceable: int


def taken_down(release: pl.DataFrame, forbidden: Sequence[Ban], ancestors: pl.DataFrame, *, exact: bool) -> TakenDown:
    """A release's own rows without what is banned; nothing else of it changes, whatever happened upstream since.

    Args:
        release: all rows of its version.
        forbidden: what is banned.
        ancestors: as of `written`, of the batches of the release; none are needed unless a model is banned.
        exact: whether the release was asked for with a number of rows, of which some are missing now.
    """
    made_by = pl.concat([release.select(_COLUMNS).drop_nulls(), ancestors]).unique(["batch", "id"], keep="first")
    why = why_banned(release, as_banned(forbidden), made_by)
    goes = why.is_not_null() & release["reason"].is_null()
    gone = release.filter(goes).select(duplicate_batch="batch", duplicate_of="id")
    repeated = release.join(gone, on=["duplicate_batch", "duplicate_of"], how="semi").height
    reason, part = pl.when(goes).then(why).otherwise("reason"), pl.when(~goes).then("split")
    rows = release.with_columns(reason=reason, split=part)
    return TakenDown(rows, gone.height if exact or repeated else 0)
