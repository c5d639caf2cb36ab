"""The lake: one immutable, content-addressed Parquet file per materialization, readable only where its guard allows.

The event log, not the file system, says which file is current. A table keeps its rejected rows, with a `reason`;
readers get the kept ones unless they ask for all.
"""

from pathlib import Path
from typing import Literal, Self

import dagster as dg
import polars as pl

from evergrow.resources.lake.content_files import DamagedFile, Files
from evergrow.resources.lake.readable import Guard
from evergrow.resources.lake.versions import LAKE_PATH, latest_materialization, noted
from evergrow.resources.registry.owners import RELEASE
from evergrow.resources.settings import Settings

Rows = Literal["kept", "rejected", "all"]
ALL_ROWS = {"rows": "all"}  # input metadata: this asset wants rejected rows as well
IF_ANY = {"if_any": True}  # input metadata: what was never made, or is outdated, is left out


class NeverMaterialized(dg.Failure):
    """A partition was read that does not exist yet; the message names the command that makes it, where one does."""

    def __init__(self, key: dg.AssetKey, partition: str | None, command: str | None = None) -> None:
        where = f" of {_owner_kind(key)} {partition!r}" if partition is not None else ""
        how = f": `{command}` makes it" if command else "; materialize it first"
        super().__init__(f"table {key.to_user_string()}{where} was never made{how}", allow_retries=False)


def _owner_kind(key: dg.AssetKey) -> str:
    """What the partitions of a table are called."""
    if list(key.path) == RELEASE:
        return "release"
    return {"evolution": "batch", "dataset": "batch", "treesynth": "tree"}.get(key.path[0], "partition")


class Damaged(dg.Failure):
    """A table was read whose file is gone, or is not what was written; the message names the file and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message, allow_retries=False)


class Lake:
    """Tables by asset key and partition, below a folder or fsspec URL.

    Args:
        url: where the files are, or the files.
        guard: knows what may be read; without one, everything is read past the gates.
    """

    def __init__(self, url: str | Path | Files, guard: Guard | None = None) -> None:
        self.files, self.guard = url if isinstance(url, Files) else Files(url), guard

    @classmethod
    def of(cls, settings: Settings, guard: Guard | None = None) -> Self:
        """The lake that the settings name, by default `HOME/lake`."""
        return cls(Files.of(settings), guard)

    def write(self, key: dg.AssetKey, partition: str | None, frame: pl.DataFrame) -> tuple[str, str]:
        """Store `frame`; returns its path below the base, and its digest. Writing equal content again changes nothing.

        Raises:
            OSError: the lake cannot be written; nothing was.
        """
        folder = "/".join([*key.path, (partition or "all").replace("|", "~")])
        return self.files.put(folder, ".parquet", lambda file: frame.write_parquet(file, compression="zstd"))

    def scan(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        partition: str | None,
        rows: Rows = "kept",
        *,
        guarded: bool = True,
    ) -> pl.LazyFrame:
        """The current version of a partition, lazily. Kept rows come without the column `reason`.

        Args:
            instance: whose event log says what is current.
            key: the table.
            partition: of the table, None if it has none.
            rows: which ones.
            guarded: False reads past all gates, which is for showing a table to a person and for the checks themselves.

        Raises:
            NeverMaterialized: there is none.
            GateClosed: a gate of it, or of what it was made from, is not passed.
            Outdated: it, or what it was made from, must be made again.
            Damaged: its file is gone, or is not what was written.
        """
        return self.version(self.current(instance, key, partition, guarded=guarded), rows)

    def ungated(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, rows: Rows = "all"
    ) -> pl.LazyFrame | None:
        """The current version of a partition, past all gates, to be looked at; None if there is none. See `scan`.

        Raises:
            Damaged: its file is gone, or is not what was written.
        """
        record = latest_materialization(instance, key, partition)
        return None if record is None or record.asset_materialization is None else self.version(record, rows)

    def current(
        self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None, *, guarded: bool = True
    ) -> dg.EventLogRecord:
        """The materialization of the current version of a partition; arguments and errors as of `scan`."""
        record = latest_materialization(instance, key, partition)
        if record is None or record.asset_materialization is None:
            raise NeverMaterialized(key, partition, self.guard.command(key, partition) if self.guard else None)
        if guarded:
            if self.guard is None:
                raise ValueError("this lake has no guard, and can only be read past the gates")
            self.guard.require_readable(instance, key, partition, record)
        return record

    def version(self, record: dg.EventLogRecord, rows: Rows = "kept") -> pl.LazyFrame:
        """What a materialization holds, current or not, past all gates.

        Raises:
            Damaged: its file is gone, or is not what was written.
        """
        frame = self._open(str(noted(record, LAKE_PATH)))
        if rows == "all" or "reason" not in frame.collect_schema():
            return frame.clear() if rows == "rejected" else frame
        rejected = pl.col("reason").is_not_null()
        return frame.filter(rejected) if rows == "rejected" else frame.filter(~rejected).drop("reason")

    def unverified(self, record: dg.EventLogRecord) -> pl.LazyFrame:
        """All rows of a materialization as its file lies there: to look for a row without reading the file whole.

        Raises:
            Damaged: its file is remote, and the copy of it is gone or is not what was written.
        """
        path = str(noted(record, LAKE_PATH))
        return pl.scan_parquet(self.files.local / path, glob=False) if self.files.local else self._open(path)

    def damage(self, path: str) -> str | None:
        """What is wrong with a file of the lake, in words that follow its name; None if nothing is."""
        return self.files.damage(path)

    def _open(self, path: str) -> pl.LazyFrame:
        try:
            return pl.scan_parquet(self.files.copy(path), glob=False)
        except DamagedFile as error:
            raise Damaged(str(error)) from error

    def locate(self, lake_path: str) -> str:
        """The full path or URL of a file of the lake."""
        return self.files.locate(lake_path)
