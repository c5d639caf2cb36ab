"""What is banned, as a release sees it: which rows descend from it, and a release's own rows without them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.dataset.samples import told_by_root
from evergrow.assets.names import RELEASE, SEEDS
from evergrow.methods.releasing.descent import FORGOTTEN, Banned, why_banned
from evergrow.methods.text.ids import spellings
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import data_version, latest_materialization, made_from, record_of
from evergrow.resources.place import Place
from evergrow.resources.registry.bans import Ban, bans
from evergrow.resources.registry.releases import Cleared, cleared, set_clear

BANNED = "what is banned"  # of the files that a release is made from
LIFTED = "what bans leave out"  # of the files of a release that may have rows again
_COLUMNS = ("batch", "id", "generator_model")


def basis(forbidden: Sequence[Ban]) -> str:
    """What a release depends on beside tables and rules: what is banned, a seed in all spellings of its id.

    So a release that was made before these were known is one that a takedown has to look through again.
    """
    seeds = [ban.value for ban in forbidden if ban.kind == "seed"]
    every = {*forbidden, *(Ban("seed", way) for seed in seeds for way in spellings(seed))}
    return hashlib.sha256(repr(sorted(every)).encode()).hexdigest()[:12]


def stands(place: Place, version: dg.EventLogRecord) -> bool:
    """Whether a version of a release holds nothing of what is banned now: it was made so, or looked through since."""
    now = basis(bans(place.registry))
    return made_from(version).files.get(BANNED) == now or _found_clear(place, version, now) is not None


def ban_files(place: Place) -> dict[str, str]:
    """What is banned, as a release is made from it; of a version that stands under other bans, what it was made from.

    Rows that it left out, and that are banned no more, are told as another file: it is behind, and stays readable.
    """
    now, version = basis(bans(place.registry)), latest_materialization(place.instance, RELEASE, place.partition)
    back = None if version is None else _found_clear(place, version, now)
    if version is None or back is None:
        return {BANNED: now}
    return {BANNED: made_from(version).files.get(BANNED, now), **({LIFTED: str(back)} if back else {})}


def _found_clear(place: Place, version: dg.EventLogRecord, now: str) -> int | None:
    """How many rows a version that was looked through may have again; None if it was not, under these bans."""
    found = cleared(place.registry, place.owner)
    return found.back if found and (found.version, found.basis) == (data_version(version), now) else None


def clear(place: Place, forbidden: Sequence[Ban], back: int) -> None:
    """Note that the version of a release that there is holds nothing of what is `forbidden`: it stays as it is.

    back: how many rows it left out that are banned no more.
    """
    version = latest_materialization(place.instance, RELEASE, place.partition)
    if version is not None:
        set_clear(place.registry, place.owner, Cleared(data_version(version), basis(forbidden), back))


def as_banned(forbidden: Sequence[Ban]) -> Banned:
    """Bans by their kind."""
    by_kind = {kind: [ban.value for ban in forbidden if ban.kind == kind] for kind in ("seed", "model", "licence")}
    return Banned(by_kind["seed"], by_kind["model"], by_kind["licence"])


def written(instance: dg.DagsterInstance, lake: Lake, versions: Sequence[dg.EventLogRecord]) -> pl.DataFrame:
    """Who wrote what these versions of tables descend from, as it was then: `batch, id, generator_model`.

    That is the rows of all rounds, and the seeds where they are samples of a tree.
    """
    open_, seen = list(versions), set()
    tables = [pl.LazyFrame(schema=dict.fromkeys(_COLUMNS, pl.String))]
    while open_:
        for read in made_from(open_.pop()).read:
            if read in seen:
                continue
            seen.add(read)
            record = record_of(instance, read) or latest_materialization(instance, *read.place)
            if record is None:
                continue
            open_.append(record)
            if read.key == SEEDS or read.key.path[-1] == "accepted":
                table = lake.version(record, "all")
                schema = table.collect_schema()
                if set(_COLUMNS) <= set(told_by_root(schema) if read.key == SEEDS else schema):
                    tables.append(table.select(_COLUMNS))
    return pl.concat(tables).drop_nulls().unique().collect()


def why_not_in_release(
    instance: dg.DagsterInstance,
    lake: Lake,
    version: dg.EventLogRecord,
    release: pl.DataFrame,
    forbidden: Sequence[Ban],
) -> pl.Series:
    """Why each row of a version of a release, one that it leaves out too, may not be in it; null where nothing forbids.

    A row is told by what the version itself says of it, and by who wrote its ancestors in the tables that the version
    was made from; by what its seed is today only where the version knows no licence.
    """
    banned, told = as_banned(forbidden), release
    if banned.licences:
        told = _with_licences(instance, lake, told)
    ancestors = written(instance, lake, [version] if banned.models else [])  # which are asked for models alone
    return why_banned(told, banned, told.select(_COLUMNS).drop_nulls().vstack(ancestors))


def _with_licences(instance: dg.DagsterInstance, lake: Lake, release: pl.DataFrame) -> pl.DataFrame:
    found = [lake.ungated(instance, SEEDS, batch) for batch in release["batch"].unique()]
    tables = [table for table in found if table is not None and "license" in table.collect_schema()]
    if not tables:
        return release
    known = pl.concat(table.select("batch", pl.col("id").alias("root_id"), "license") for table in tables).collect()
    ways = ["batch", "root_id"]
    joined = release.join(known.unique(ways), on=ways, how="left", suffix="_of_seed", maintain_order="left")
    return joined.with_columns(pl.coalesce("license", "license_of_seed")).select(release.columns)


def may_come_back(release: pl.DataFrame, why: pl.Series) -> int:
    """How many rows a version has left out by bans that are none any more; `why` as of `why_not_in_release`."""
    return release.filter(pl.col("reason").str.starts_with(FORGOTTEN).fill_null(value=False) & why.is_null()).height


@dataclass(frozen=True, slots=True)
class TakenDown:
    """The `rows` of a release, what is banned now among those that it leaves out.

    `replaceable`: how many others may take the place of those that were taken down, if it is made anew.
    """

    rows: pl.DataFrame
    replaceable: int


def taken_down(release: pl.DataFrame, why: pl.Series, *, exact: bool) -> TakenDown:
    """A release's own rows without what is banned; nothing else of it changes, whatever happened upstream since.

    Args:
        release: all rows of its version.
        why: as of `why_not_in_release`.
        exact: whether the release was asked for with a number of rows, of which some are missing now.
    """
    goes = why.is_not_null() & release["reason"].is_null()
    gone = release.filter(goes).select(duplicate_batch="batch", duplicate_of="id")
    repeats = release.filter(why.is_null()).join(gone, on=["duplicate_batch", "duplicate_of"], how="semi").height
    reason = pl.when(goes).then(why).otherwise("reason")
    return TakenDown(
        release.with_columns(reason=reason, split=pl.when(~goes).then("split")), gone.height if exact else repeats
    )
