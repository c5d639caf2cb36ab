"""Rows of exported files: found by file and line, and the other way round; whether they are what was released."""

import json
import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from evergrow.assets.names import RELEASE
from evergrow.flows.table_rows import TableRows
from evergrow.methods.provenance.steps import TraceStep
from evergrow.methods.releasing.digests import row_digest, row_digests
from evergrow.methods.releasing.formats import PAIRED, shape
from evergrow.resources.registry.exports import exports
from evergrow.resources.releases.manifest import FileEntry, Manifest, ManifestError, file_entry, read_manifest

_PLACE = re.compile(r"(.+):([0-9]+)")
_PART = re.compile(r"(#\d+|\^).*$")  # what the id of a pair has behind that of its sample


class UnknownLine(Exception):  # noqa: N818 - it names what is unknown
    """A file has no such row, or the row does not say which sample it is; the message names file and line."""


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row of an exported file; `line` counts from 1, `manifest` is None where none lies beside the file."""

    file: Path
    line: int
    row: dict[str, Any]
    manifest: Manifest | None

    @property
    def sample_id(self) -> str:
        """Of the sample that it is of, or the half of a pair is of."""
        name = str(self.row["id"])
        return _PART.sub("", name) if self.manifest and self.manifest.form in PAIRED else name

    @property
    def batch(self) -> str | None:
        """That the row names."""
        return self.row.get("batch")


def exported_row(wanted: str) -> ExportedRow | None:
    """The row that `wanted` names as FILE:LINE; None if it names no file.

    Raises:
        UnknownLine: the file has no such row, or the row names no sample.
    """
    found = _PLACE.fullmatch(wanted)
    file = Path(found[1]) if found else Path()
    if not found or not file.is_file():
        if found and file.suffix in (".jsonl", ".parquet"):
            raise UnknownLine(f"there is no file {file}: name one of an export, as out/train.jsonl:17")
        return None
    line = int(found[2])
    row = _read(file, line)
    if not isinstance(row.get("id"), str):
        raise UnknownLine(f"{file}, line {line}, names no sample: it has no `id` as the rows of an export have")
    try:
        manifest = read_manifest(file.parent)
    except ManifestError:
        manifest = None
    return ExportedRow(file, line, row, manifest)


def _read(file: Path, line: int) -> dict[str, Any]:
    try:
        if file.suffix == ".parquet":
            rows = pl.scan_parquet(file, glob=False).slice(line - 1, 1).collect().to_dicts() if line else []
        else:
            with file.open("rb") as lines:
                rows = [json.loads(text) for text in islice(lines, line - 1, line)] if line else []
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise UnknownLine(f"{file}, line {line}, cannot be read: {error}") from error
    if not rows:
        raise UnknownLine(f"{file} has no row {line}: it has {_height(file):,}, which count from 1")
    if not isinstance(rows[0], dict):
        raise UnknownLine(f"{file}, line {line}, is no row of an export: it is no JSON object")
    return dict(rows[0])


def _height(file: Path) -> int:
    """How many rows a file has that could be read."""
    if file.suffix == ".parquet":
        return int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def export_step(rows: TableRows, exported: ExportedRow, before: Sequence[TraceStep]) -> TraceStep:
    """The step of a row in a file, with what can be told of its truth."""
    manifest, file = exported.manifest, exported.file
    made_of = next((step for step in reversed(before) if step.kind != "export"), None)  # no file is made of another
    told: dict[str, Any] = {"file": str(file.resolve()), "line": exported.line, "batch": exported.batch}
    closed = None
    if manifest is None:
        closed = "no manifest lies beside the file: nobody can say whether it was changed"
    else:
        entry = next((entry for entry in manifest.files if entry.path == file.name), None)
        told |= {
            "form": manifest.form,
            "release": manifest.name,
            "date": manifest.date,
            "split": entry.split if entry else None,
        }
        told |= {"manifest_digest": manifest.digest, "evergrow": manifest.code_version}
        closed = _changed(rows, exported, manifest, entry)
    return TraceStep(
        id=f"{file.name}:{exported.line}",
        kind="export",
        says=f"line {exported.line} of {file}",
        row=told,
        parents=[made_of.key] if made_of else (),
        closed=closed,
    )


def _changed(rows: TableRows, exported: ExportedRow, manifest: Manifest, entry: FileEntry | None) -> str | None:
    """What is wrong with the row or its file, as far as that can be seen; None if it is what was released."""
    if entry is None:
        return f"the manifest beside it names no file {exported.file.name}"
    if file_entry(exported.file, entry.split).sha256 == entry.sha256:
        return None
    record = rows.record(RELEASE, manifest.name)
    if record is None or manifest.form in PAIRED or not manifest.answered:
        return "the file was changed since it was exported: it has not the checksum that its manifest says"
    named = (pl.col("batch") == exported.batch) & (pl.col("id") == exported.sample_id)
    released = rows.workspace.lake.version(record).filter(named).collect()
    held = shape(released, manifest.form, columns=manifest.columns, reasoning=manifest.reasoning).rows
    same = row_digest(exported.row) in row_digests(held.drop("split"))
    where = "this row equals the release's" if same else "this row differs from the release's"
    return f"the file was changed since it was exported; {where}"


def export_steps(rows: TableRows, before: Sequence[TraceStep], shown: ExportedRow | None) -> Iterator[TraceStep]:
    """A step for each file of this project's exports that holds the sample, but for the one that is `shown` anyway."""
    sample = next(step for step in reversed(before) if step.kind != "release")
    batch = str(sample.row["batch"])
    for export in exports(rows.workspace.registry):
        manifest = read_manifest(export.folder)
        for entry in manifest.files:
            file = export.folder / entry.path
            if entry.split is None or (shown and shown.file.resolve() == file.resolve()):
                continue
            if line := _line_of(file, batch, sample.id):
                yield export_step(rows, ExportedRow(file, line, _read(file, line), manifest), before)


def _line_of(file: Path, batch: str, sample_id: str) -> int | None:
    """The line, from 1, at which a file has the sample, or the first of its pairs; None if it has not."""
    try:
        if file.suffix == ".parquet":
            named = (pl.col("id") == sample_id) & (pl.col("batch") == batch)
            found = pl.scan_parquet(file, glob=False, row_index_name="_line").filter(named).select("_line").collect()
            return int(found["_line"][0]) + 1 if found.height else None
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            name = re.escape(json.dumps(sample_id, ensure_ascii=False)[1:-1].encode())
            for hit in re.finditer(rb'"id":"' + name + rb'(?:(?:#[0-9]+|\^)(?::[01])?)?"', data):
                line = data[: hit.start()].count(b"\n") + 1
                if _read(file, line).get("batch") == batch:
                    return line
    except (OSError, ValueError, UnknownLine, pl.exceptions.PolarsError):
        return None  # a file that is gone or cut holds no row; `evergrow verify` says what is wrong with it
    return None
