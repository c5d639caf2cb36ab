"""Remembers where releases were exported to, so that a takedown finds them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evergrow.methods.releasing.formats import Form
from evergrow.methods.releasing.selection import Wanted
from evergrow.resources.host.files import atomic_write
from evergrow.resources.host.home import Home
from evergrow.resources.releases.instructions import is_export
from evergrow.resources.releases.manifest import ManifestError, read_manifest

FILE = "exports.json"


@dataclass(frozen=True, slots=True)
class Export:
    """What was written into `folder`: a release, or bare instructions, which are not `answered`."""

    folder: Path
    form: Form
    wanted: Wanted
    answered: bool = True


def remember_export(home: Home, export: Export) -> None:
    """Note `export`; an earlier one in the same folder is replaced.

    Raises:
        HomeError: the home folder cannot be written.
    """
    with home.writing(), home.lock("exports"):
        others = [known for known in exports(home) if known.folder != export.folder.resolve()]
        rows = [{**asdict(known), "folder": str(known.folder.resolve())} for known in (*others, export)]
        atomic_write(home.path / FILE, json.dumps(rows, indent=1).encode())


def exports(home: Home) -> list[Export]:
    """All exports that are still where they were written, oldest first; a folder may have become something else."""
    path = home.path / FILE
    rows = json.loads(path.read_bytes()) if path.is_file() else []
    found = [Export(Path(row["folder"]), row["form"], _wanted(row["wanted"]), answered=row["answered"]) for row in rows]
    return [export for export in found if _is_there(export)]


def _is_there(export: Export) -> bool:
    if not export.answered:
        return is_export(export.folder)
    try:
        read_manifest(export.folder)
    except ManifestError:
        return False
    return True


def _wanted(row: dict[str, Any]) -> Wanted:
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Wanted(**given)


def exported_rows(export: Export) -> pl.DataFrame:
    """`batch, id` of every row that the export's files hold."""
    empty = pl.LazyFrame(schema={"batch": pl.String, "id": pl.String})
    parquet = [pl.scan_parquet(path) for path in sorted(export.folder.glob("*.parquet"))]
    lines = [pl.scan_ndjson(path, infer_schema_length=None) for path in sorted(export.folder.glob("*.jsonl"))]
    return pl.concat([empty, *(table.select("batch", "id") for table in (*parquet, *lines))]).collect()
