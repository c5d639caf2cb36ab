"""Remembers where releases were exported to, so that a takedown finds them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, delete, insert, select, update

from evergrow.methods.releasing.formats import PAIRED, Form
from evergrow.methods.releasing.preferences import sample_of
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.resources.ledger.registry_schema import exports as table
from evergrow.resources.registry.leases import holders
from evergrow.resources.registry.owners import EXPORT
from evergrow.resources.registry.registry import Registry, as_text, touch
from evergrow.resources.releases.manifest import MANIFEST, ManifestError, read_manifest


@dataclass(frozen=True, slots=True)
class Export:
    """What was written into `folder`: a release, or bare instructions, which are not `answered`.

    written: it came to its end once; else it was only begun.
    """

    folder: Path
    form: Form
    wanted: Wanted
    answered: bool = True
    release: str = "main"
    written: bool = field(default=False, compare=False)


def begin_export(registry: Registry, export: Export) -> None:
    """Note that `export` is begun, so that what a kill leaves beside its place is found.

    What stands there is what is noted until it is replaced: `remember_export`. Of an export that nobody has noted, such
    as a copy, that is what its manifest says.

    Raises:
        LedgerError: it was not noted.
    """
    standing = _found(export)
    with registry.alone() as connection:
        folder = as_text(str(export.folder.resolve()))
        if connection.execute(select(table.c.export).where(table.c.folder == folder)).first() is None:
            _note(connection, folder, standing)


def _found(export: Export) -> Export:
    """What stands in the place of an export, by its manifest; the export itself where nothing does."""
    try:
        there = read_manifest(export.folder)
    except ManifestError:
        return export
    # Which of the rows stay is told by the files themselves; bare instructions are looked up by their batches.
    wanted = Wanted(reasoning=there.reasoning, batches=() if there.answered else tuple(there.batches))
    release = there.name if there.answered else export.release
    return Export(export.folder, there.form, wanted, answered=there.answered, release=release)


def remember_export(registry: Registry, export: Export, part: Path) -> None:
    """Note that `export`, which lies whole in the folder `part`, takes its place in this moment.

    What was noted before is kept beside it until `confirm_export`: the manifest's digest tells which of them is there.

    Raises:
        LedgerError: it was not noted.
        OSError: its manifest cannot be read.
    """
    folder, digest = as_text(str(export.folder.resolve())), _manifest_digest(part)
    found = registry.read(select(table.c.export).where(table.c.folder == folder))
    earlier = [{**one, "earlier": []} for row in found for one in _standing(export.folder, json.loads(row[0]))]
    with registry.alone() as connection:
        written = any(map(_written, earlier))  # of what stands there until this one takes its place
        connection.execute(delete(table).where(table.c.folder == folder))
        _note(connection, folder, replace(export, written=written), manifest=digest, earlier=earlier)


def _note(connection: Connection, folder: str, export: Export, **until_confirmed: object) -> None:
    told = {"form": export.form, "wanted": asdict(export.wanted), "answered": export.answered}
    number = touch(connection, "export", folder)
    row = as_text({**told, "release": export.release, "written": export.written, **until_confirmed})
    connection.execute(insert(table).values(folder=folder, number=number, export=row))


def _standing(folder: Path, told: dict[str, Any]) -> list[dict[str, Any]]:
    """Of what is noted of a folder, what stands there: a kill may have kept the last export from its place.

    Several where nothing can be read there, the last one first: nobody can tell which it is.
    """
    several = [told, *told.get("earlier", [])]
    if len(several) == 1:
        return several
    try:
        digest = _manifest_digest(folder)
    except OSError:
        return several
    return [next((one for one in several if one.get("manifest") == digest), several[-1])]


def _manifest_digest(folder: Path) -> str:
    if not (folder / MANIFEST).is_file():  # a pipe would be waited for, for ever
        raise FileNotFoundError(folder / MANIFEST)
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def confirm_export(registry: Registry, folder: Path) -> None:
    """Note that the export into `folder` is written: from now on a takedown waits for it, should it be out of reach.

    Raises:
        LedgerError: it was not noted.
    """
    named = table.c.folder == as_text(str(folder.resolve()))
    with registry.alone() as connection:
        told = json.loads(connection.execute(select(table.c.export).where(named)).scalar_one())
        connection.execute(update(table).where(named).values(export=as_text({**told, "written": True, "earlier": []})))


def drop_exports(registry: Registry, folders: Sequence[Path]) -> None:
    """Forget exports that were deleted.

    Raises:
        LedgerError: it was not done.
    """
    named = [as_text(str(folder.resolve())) for folder in folders]
    with registry.alone() as connection:
        connection.execute(delete(table).where(table.c.folder.in_(named)))


def exports(registry: Registry) -> list[Export]:
    """All exports that are where they were written, oldest first; a folder may have become something else."""
    return [export for export in noted(registry) if _is_there(export)]


def out_of_reach(registry: Registry) -> list[Export]:
    """Exports that were written, and of which no manifest can be read where they should be, oldest first.

    Nobody can tell from here whether such a folder was deleted, is another machine's, or on a disk that is not mounted.
    """
    return [export for export in noted(registry) if export.written and not _is_there(export)]


def being_written(registry: Registry) -> set[Path]:
    """Folders that an export is being written into at this moment."""
    return {
        Path(name.removeprefix(EXPORT))
        for name, holder in holders(registry).items()
        if name.startswith(EXPORT) and holder.living
    }


def noted(registry: Registry) -> list[Export]:
    """All exports that were ever begun, one a folder, oldest first, wherever they are.

    Of a folder that cannot be read and that a kill has kept an export from, it is of all batches that either is of.
    """
    rows = registry.read(select(table.c.folder, table.c.export).order_by(table.c.number))
    return [_export(Path(json.loads(folder)), json.loads(told)) for folder, told in rows]


def _export(folder: Path, noted: dict[str, Any]) -> Export:
    several = _standing(folder, noted)
    told, batches = several[0], [_wanted(one["wanted"]).batches for one in several]
    wanted = replace(_wanted(told["wanted"]), batches=tuple(dict.fromkeys(chain(*batches))) if all(batches) else ())
    return Export(
        folder, told["form"], wanted, answered=told["answered"], release=told["release"], written=_written(told)
    )


def _written(told: dict[str, Any]) -> bool:
    return bool(told.get("written", True))  # earlier versions noted it of none


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

    Of a pair, or of half of one, both rows whose answers it compares: the worse one may be that of its parent.

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
    if export.form not in PAIRED:
        return pl.concat([empty, *(table.select("batch", "id") for table in tables)]).collect()
    better = [table.select("batch", id=sample_of(pl.col("id"))) for table in tables]
    worse = [
        table.select("batch", id="rejected_id") for table in tables if "rejected_id" in table.collect_schema().names()
    ]
    return pl.concat([empty, *better, *worse]).unique(maintain_order=True).drop_nulls().collect()
