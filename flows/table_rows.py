"""Single rows of tables, found without reading a table whole, and what is known of the versions that hold them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets.names import gate_name
from evergrow.flows.workspace import Workspace
from evergrow.methods.provenance.steps import GateSaid, TableRead, TableVersion
from evergrow.resources.host.dagster_private import CODE_VERSION_TAG
from evergrow.resources.lake.readable import GateClosed, GateState, judgement
from evergrow.resources.lake.versions import (
    LAKE_PATH,
    Key,
    data_version,
    latest_materialization,
    made_from,
    noted,
)

Row = dict[str, Any]
CALL_IDS = "_call_ids"  # of a step's row: the requests that made it, until they are looked up


@dataclass
class TableRows:
    """Rows of the tables of a project by id, as they are today, past all gates: nothing is built on what is shown.

    Looking for a row takes its file as it lies there; a row that is shown comes from a file that was verified.
    """

    workspace: Workspace
    _records: dict[Key, dg.EventLogRecord | None] = field(default_factory=dict)
    _versions: dict[Key, TableVersion | None] = field(default_factory=dict)

    def record(self, key: dg.AssetKey, partition: str) -> dg.EventLogRecord | None:
        """The current version of a partition, if there is one."""
        if (key, partition) not in self._records:
            self._records[key, partition] = latest_materialization(self.workspace.instance, key, partition)
        return self._records[key, partition]

    def has(self, key: dg.AssetKey, partition: str, row_id: str) -> bool:
        """Whether the table has a row of that id."""
        record = self.record(key, partition)
        if record is None:
            return False
        found = self.workspace.lake.unverified(record).filter(pl.col("id") == row_id).select(pl.len())
        return bool(found.collect().item())

    def row(self, key: dg.AssetKey, partition: str, row_id: str, **also: str) -> Row | None:
        """The row of that id whose columns `also` are so, a rejected one too; None where there is none, or no table.

        Raises:
            Damaged: the file is gone, or is not what was written.
        """
        found = self._rows(key, partition, pl.col("id") == row_id)
        return next((row for row in found if all(row.get(name) == value for name, value in also.items())), None)

    def children(self, key: dg.AssetKey, partition: str, parent_id: str) -> list[Row]:
        """The rows that were made of a row, rejected ones too, in order of their slots; none where there is no table.

        Raises:
            Damaged: the file is gone, or is not what was written.
        """
        return sorted(self._rows(key, partition, pl.col("parent_id") == parent_id), key=lambda row: row["slot"])

    def _rows(self, key: dg.AssetKey, partition: str, wanted: pl.Expr) -> list[Row]:
        record = self.record(key, partition)
        if record is None:
            return []
        try:
            found = self.workspace.lake.unverified(record).filter(wanted).collect().to_dicts()
        except pl.exceptions.PolarsError:
            self.workspace.lake.version(record)  # says that the file was changed or cut, if that is why
            raise
        if found:
            self.workspace.lake.version(record)  # verified only where something is shown
        return found

    def version(self, key: dg.AssetKey, partition: str) -> TableVersion | None:
        """What is known of the current version of a partition; None where there is none."""
        if (key, partition) not in self._versions:
            record = self.record(key, partition)
            self._versions[key, partition] = self._told(key, partition, record) if record else None
        return self._versions[key, partition]

    def versions(self, keys: Iterable[dg.AssetKey], partition: str) -> tuple[TableVersion, ...]:
        """Those of several tables that there are."""
        return tuple(told for key in keys if (told := self.version(key, partition)))

    def shut(self, key: dg.AssetKey, partition: str) -> str | None:
        """Why a table's own gate lets nobody read it; None if it does, or there is none."""
        version = self.version(key, partition)
        gate = version.gate if version else None
        if gate is None or gate.state == GateState.PASSED:
            return None
        check = dg.AssetCheckKey(key, gate.check)
        return GateClosed(check, partition, GateState(gate.state), gate.says).description

    def closed(self, key: dg.AssetKey, partition: str) -> str | None:
        """Why nothing may be built on a table, which may lie in any table that it was made from; None if it may."""
        try:
            self.workspace.lake.current(self.workspace.instance, key, partition)
        except dg.Failure as failure:
            return failure.description
        return None

    def _told(self, key: dg.AssetKey, partition: str, record: dg.EventLogRecord) -> TableVersion:
        made, tags = made_from(record), (record.asset_materialization and record.asset_materialization.tags) or {}
        code = tags.get(CODE_VERSION_TAG)
        return TableVersion(
            table=key.to_user_string(),
            partition=partition,
            data_version=data_version(record),
            code_version=None if code == record.run_id else code,  # as Dagster notes where an asset says none
            recipe=made.recipe,
            run_id=record.run_id,
            made_at=datetime.fromtimestamp(record.timestamp, UTC).isoformat(timespec="seconds"),
            file=self.workspace.lake.locate(str(noted(record, LAKE_PATH))),
            values=dict(made.values),
            files=dict(made.files),
            read=tuple(
                TableRead(
                    one.key.to_user_string(), one.partition, one.version, self._is_current(one.place, one.version)
                )
                for one in made.read
            ),
            gate=self._gate(key, partition, record),
        )

    def _is_current(self, place: Key, version: str) -> bool:
        key, partition = place
        record = self.record(key, partition) if partition is not None else None
        return record is not None and data_version(record) == version

    def _gate(self, key: dg.AssetKey, partition: str, record: dg.EventLogRecord) -> GateSaid | None:
        table = self.workspace.frontier.tables.get(key)
        if table is None or table.stage is None:
            return None
        check = dg.AssetCheckKey(key, gate_name(table.stage))
        said = judgement(self.workspace.instance, check, partition, record)
        return GateSaid(check.name, said.state.value, said.why, said.expectations)
