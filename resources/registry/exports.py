"""Remembers where releases were exported to, so that a takedown finds them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import delete, insert, select

from evergrow.methods.releasing.formats import Form
from evergrow.methods.releasing.selection import Wanted
from evergrow.resources.ledger.registry_schema import exports as table
from evergrow.resources.registry.leases import holders
from evergrow.resources.registry.owners import EXPORT
from evergrow.resources.registry.registry import Registry, as_text, touch
from evergrow.resources.releases.manifest import ManifestError, read_manifest


@dataclass(frozen=True, slots=True)
class Export:
    """What was written into `folder`: a release, or bare instructions, which are not `answered`."""

    folder: Path
    form: Form
    wanted: Wanted
    answered: bool = True
    release: str = "main"


def remember_export(registry: Registry, export: Export) -> None:
    """Note `export`; an earlier one in the same folder is replaced.

    Raises:
        LedgerError: it was not noted.
    """
    folder = as_text(str(export.folder.resolve()))
    told = as_text(
        {"form": export.form, "wanted": asdict(export.wanted), "answered": export.answered, "release": export.release}
    )
    with registry.alone() as connection:
        connection.execute(delete(table).where(table.c.folder == folder))
        number = touch(connection, "export", folder)
        connection.execute(insert(table).values(folder=folder, number=number, export=told))


def exports(registry: Registry) -> list[Export]:
    """All exports that are still where they were written, oldest first; a folder may have become something else."""
    rows = registry.read(select(table.c.folder, table.c.export).order_by(table.c.number))
    found = [_export(Path(json.loads(folder)), json.loads(told)) for folder, told in rows]
    return [export for export in found if _is_there(export)]


def being_written(registry: Registry) -> set[Path]:
    """Folders that an export is being written into at this moment."""
    return {
        Path(name.removeprefix(EXPORT))
        for name, holder in holders(registry).items()
        if name.startswith(EXPORT) and holder.living
    }


def _export(folder: Path, told: dict[str, Any]) -> Export:
    return Export(folder, told["form"], _wanted(told["wanted"]), answered=told["answered"], release=told["release"])


def _is_there(export: Export) -> bool:
    try:
        read_manifest(export.folder)
    except ManifestError:
        return False
    return True


def _wanted(row: dict[str, Any]) -> Wanted:
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Wanted(**given)


def exported_rows(export: Export) -> pl.DataFrame:
    """`batch, id` of every row that the export's files hold: those that its manifest names, whatever lies beside them.

    Raises:
        ManifestError: it has none, or it cannot be read.
        OSError, pl.exceptions.PolarsError: a file that it names cannot be read, or holds no such rows.
    """
    named = [export.folder / file.path for file in read_manifest(export.folder).files if file.split is not None]
    files = [path for path in named if path.exists()]  # one that is gone holds no rows
    tables = [
        pl.scan_parquet(path, glob=False)
        if path.suffix == ".parquet"
        else pl.scan_ndjson(path, infer_schema_length=None)
        for path in files
    ]
    empty = pl.LazyFrame(schema={"batch": pl.String, "id": pl.String})
    return pl.concat([empty, *(table.select("batch", "id") for table in tables)]).collect()
