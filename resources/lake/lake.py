"""The lake: one immutable, content-addressed Parquet file per materialization, readable only through its gate.

The event log, not the file system, says which file is current. A table keeps its rejected rows, with a `reason`;
readers get the kept ones unless they ask for all. Checks see everything: they judge what others may not read yet.
"""

import errno
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

import dagster as dg
import polars as pl

from evergrow.resources.columns import table_schema
from evergrow.resources.host.home import Home
from evergrow.resources.lake.files import DamagedFile, Files
from evergrow.resources.lake.readable import GATES, Outdated, require_sound
from evergrow.resources.lake.versions import LEFT_OUT, latest_materialization
from evergrow.resources.settings import Settings

Rows = Literal["kept", "rejected", "all"]
ALL_ROWS = {"rows": "all"}  # input metadata: this asset wants rejected rows as well
IF_ANY = {"if_any": True}  # input metadata: what was never made, or is outdated, is left out


class NeverMaterialized(dg.Failure):
    """A partition was read that does not exist yet."""

    def __init__(self, key: dg.AssetKey, partition: str | None) -> None:
        where = f" of batch or tree {partition!r}" if partition is not None else ""
        super().__init__(
            f"table {key.to_user_string()}{where} was never made; materialize it first", allow_retries=False
        )


class Damaged(dg.Failure):
    """A table was read whose file is gone, or is not what was written; the message names the file and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message, allow_retries=False)


class Lake:
    """Tables by asset key and partition, below a folder or fsspec URL.

    Args:
        url: where the files are.
    """

    def __init__(self, url: str | Path) -> None:
        self.files = Files(url)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The lake that the settings name, by default `HOME/lake`."""
        return cls(settings.lake_url or Home(settings.home).lake)

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
        gates: Iterable[str] | None,
        rows: Rows = "kept",
    ) -> pl.LazyFrame:
        """The current version of a partition, lazily. Kept rows come without the column `reason`.

        Args:
            instance: whose event log says what is current.
            key: the table.
            partition: of the table, None if it has none.
            gates: checks that must have passed, beside those that the version itself names; None reads past all gates,
                which is for showing a table to a person and for the checks themselves.
            rows: which ones.

        Raises:
            NeverMaterialized: there is none.
            GateClosed: a gate of it, or of what it was made from, is not passed.
            Outdated: what it was made from has changed.
            Damaged: its file is gone, or is not what was written.
        """
        record = latest_materialization(instance, key, partition)
        if record is None or record.asset_materialization is None:
            raise NeverMaterialized(key, partition)
        if gates is not None:
            require_sound(instance, key, gates, partition, record)
        frame = self._open(str(record.asset_materialization.metadata["lake_path"].value))
        if rows == "all" or "reason" not in frame.collect_schema():
            return frame.clear() if rows == "rejected" else frame
        rejected = pl.col("reason").is_not_null()
        return frame.filter(rejected) if rows == "rejected" else frame.filter(~rejected).drop("reason")

    def damage(self, path: str) -> str | None:
        """What is wrong with a file of the lake, in words that follow its name; None if nothing is."""
        return self.files.damage(path)

    def _open(self, path: str) -> pl.LazyFrame:
        try:
            self.files.require(path)
        except DamagedFile as error:
            raise Damaged(str(error)) from error
        if self.files.local:
            return pl.scan_parquet(self.files.local / path, glob=False)
        return pl.read_parquet(io.BytesIO(self.files.get(path))).lazy()

    def locate(self, lake_path: str) -> str:
        """The full path or URL of a file of the lake."""
        return self.files.locate(lake_path)


class LakeIOManager(dg.IOManager):
    """Hands assets their inputs through the gates that the upstream assets declare, and stores their outputs."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._left_out: defaultdict[str, list[str]] = defaultdict(list)  # by step: inputs that it did not get

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Store the asset's frame as the partition's new version."""
        partition = context.partition_key if context.has_partition_key else None
        try:
            path, digest = self._lake.write(context.asset_key, partition, obj)
        except OSError as error:
            raise dg.Failure(_no_room(error, self._lake.locate("")), allow_retries=False) from error
        gates = (context.definition_metadata or {}).get(GATES, ())
        left_out = self._left_out.pop(context.step_key, [])
        # An explicit data version: derived from inputs, a fresh sample of a model's answers would look unchanged.
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(digest))
        context.add_output_metadata(
            {
                "lake_path": path,
                **({GATES: " ".join(gates)} if gates else {}),
                **({LEFT_OUT: " ".join(left_out)} if left_out else {}),
                "uri": dg.MetadataValue.path(self._lake.locate(path)),
                "dagster/partition_row_count" if partition else "dagster/row_count": _kept(obj),
                "dagster/column_schema": table_schema(obj.schema),
                **_rejections(obj),
            }
        )

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | None:
        """The input's partitions, one below another; None for an input marked `IF_ANY` of which there is nothing."""
        wishes = context.definition_metadata
        judging = context.step_context.is_asset_check_step
        upstream = context.upstream_output.definition_metadata if context.upstream_output else None
        gates = None if judging else (upstream or {}).get(GATES, ())
        rows: Rows = "all" if judging or wishes.get("rows") == "all" else "kept"
        partitions = context.asset_partition_keys if context.has_asset_partitions else [None]
        frames = []
        for partition in partitions:
            try:
                frames.append(self._lake.scan(context.instance, context.asset_key, partition, gates, rows))
            except (NeverMaterialized, Outdated):
                if not wishes.get("if_any"):
                    raise
                if judging:
                    continue
                self._left_out[context.step_context.step.key].append(context.asset_key.to_user_string())
        return pl.concat(frames).collect() if frames else None


def _kept(frame: pl.DataFrame) -> int:
    return frame["reason"].null_count() if "reason" in frame.columns else frame.height


def _rejections(frame: pl.DataFrame) -> Mapping[str, dg.MetadataValue]:
    """A table of rejected rows by reason; what follows a reason's first word is detail."""
    if "reason" not in frame.columns or _kept(frame) == frame.height:
        return {}
    counts = (
        frame.filter(pl.col("reason").is_not_null())
        .group_by(reason=pl.col("reason").str.extract(r"^(\w+)"))
        .len("rows")
        .sort(["rows", "reason"], descending=[True, False])
    )
    return {"rejected": dg.MetadataValue.table([dg.TableRecord(row) for row in counts.to_dicts()])}


def _no_room(error: OSError, where: str) -> str:
    remedy = {
        errno.ENOSPC: "the disk is full; make room and run again",
        errno.EROFS: "the file system is read-only; set EVERGROW_HOME to a folder that can be written",
        errno.EACCES: "no permission; set EVERGROW_HOME to a folder that can be written",
    }.get(error.errno or 0, "nothing was stored")
    return f"cannot write to the lake {where}: {error.strerror or error}; {remedy}"
