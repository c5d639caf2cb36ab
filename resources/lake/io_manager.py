"""Hands assets their inputs through the lake's guard, and stores their outputs with the record of what made them."""

import errno
from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

import dagster as dg
import polars as pl

from evergrow.resources.columns import table_schema
from evergrow.resources.host.full_disk import DiskFullError
from evergrow.resources.lake.commands import commands
from evergrow.resources.lake.lake import Lake, NeverMaterialized, Rows
from evergrow.resources.lake.readable import Outdated
from evergrow.resources.lake.versions import LAKE_PATH, MadeFrom, Read, data_version


class Shapes(Protocol):
    """Knows what shapes the rows of a table today, its inputs aside."""

    def shape(self, instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> MadeFrom:
        """The values and files that a table of this partition is made from, without what it reads."""
        ...


class LakeIOManager(dg.IOManager):
    """Loads the inputs of assets and checks, and stores the outputs of assets.

    Args:
        lake: where tables are, with its guard.
        shapes: what is noted beside the tables that were read.
    """

    def __init__(self, lake: Lake, shapes: Shapes) -> None:
        self._lake, self._shapes = lake, shapes
        self._read: defaultdict[str, list[Read]] = defaultdict(list)  # by step

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        """Store the asset's frame as the partition's new version."""
        partition = context.partition_key if context.has_partition_key else None
        try:
            path, digest = self._lake.write(context.asset_key, partition, obj)
        except OSError as error:
            raise dg.Failure(_no_room(error, self._lake.locate("")), allow_retries=False) from error
        shape = self._shapes.shape(context.step_context.instance, context.asset_key, partition)
        record = MadeFrom(shape.values, shape.files, tuple(self._read.pop(context.step_key, [])), shape.recipe)
        # An explicit data version: derived from inputs, a fresh sample of a model's answers would look unchanged.
        context.step_context.set_data_version(context.asset_key, dg.DataVersion(digest))
        context.add_output_metadata(
            {
                LAKE_PATH: path,
                **record.as_metadata(),
                "uri": dg.MetadataValue.path(self._lake.locate(path)),
                "dagster/partition_row_count" if partition else "dagster/row_count": _kept(obj),
                "dagster/column_schema": table_schema(obj.schema),
                **_rejections(obj),
                **({"look": commands(context.asset_key, partition, obj)} if partition else {}),
            }
        )

    def load_input(self, context: dg.InputContext) -> pl.DataFrame | None:
        """The input's partitions, one below another; None for an input marked `IF_ANY` of which there is nothing.

        Checks see all rows, whatever the gates say: they judge what others may not read yet.
        """
        wishes = context.definition_metadata
        judging = context.step_context.is_asset_check_step
        rows: Rows = "all" if judging or wishes.get("rows") == "all" else "kept"
        partitions = context.asset_partition_keys if context.has_asset_partitions else [None]
        frames = []
        for partition in partitions:
            try:
                frames.append(self._load(context, partition, rows, judging=judging))
            except (NeverMaterialized, Outdated):
                if not wishes.get("if_any"):
                    raise
        return pl.concat(frames).collect() if frames else None

    def _load(self, context: dg.InputContext, partition: str | None, rows: Rows, *, judging: bool) -> pl.LazyFrame:
        record = self._lake.current(context.instance, context.asset_key, partition, guarded=not judging)
        if not judging:
            read = Read(context.asset_key, partition, data_version(record))
            self._read[context.step_context.step.key].append(read)
        return self._lake.version(record, rows)


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
    if isinstance(error, DiskFullError):
        return str(error)
    remedy = {
        errno.EROFS: "the file system is read-only; set EVERGROW_HOME to a folder that can be written",
        errno.EACCES: "no permission; set EVERGROW_HOME to a folder that can be written",
    }.get(error.errno or 0, "nothing was stored")
    return f"cannot write to the lake {where}: {error.strerror or error}; {remedy}"
