"""A takedown finds every export that is still there, with what it was asked to hold."""

import shutil
from pathlib import Path

import pytest

from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.methods.releasing.row_selection import Wanted
from evergrow.resources.registry.exports import (
    Export,
    begin_export,
    confirm_export,
    drop_exports,
    exported_rows,
    exports,
    out_of_reach,
    remember_export,
)
from evergrow.resources.registry.registry import Registry
from evergrow.resources.releases.writing import write_release
from tests.releases import facts, row, table

ROWS = table(row(1), row(2, split="test"), row(3, batch="c"))
WANTED = Wanted(rounds=(1, 2), min_complexity=2.5, licences=("MIT",))


def exported(registry: Registry, folder: Path, form: Form = "chat", wanted: Wanted = WANTED) -> Export:
    write_release(ROWS, folder, form, facts())
    export = Export(folder, form, wanted)
    remember_export(registry, export, folder)
    return export


@pytest.mark.parametrize("form", FORMS)
def test_an_export_is_found_with_its_form_its_conditions_and_its_rows(
    registry: Registry, tmp_path: Path, form: Form
) -> None:
    export = exported(registry, tmp_path / "out", form)

    assert exports(registry) == [export]
    assert set(exported_rows(export).iter_rows()) == {("b", "s1_0"), ("b", "s2_0"), ("c", "s3_0")}


def test_the_latest_export_into_a_folder_counts_however_the_folder_is_called(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exported(registry, tmp_path / "first")
    exported(registry, tmp_path / "out", "alpaca")
    exported(registry, Path("out"), "parquet", Wanted())

    assert [(e.folder, e.form, e.wanted) for e in exports(registry)] == [
        (tmp_path / "first", "chat", WANTED),
        (tmp_path / "out", "parquet", Wanted()),
    ]


def test_what_became_of_a_folder_is_not_held_against_anybody(registry: Registry, tmp_path: Path) -> None:
    for name in ("gone", "other", "kept"):
        exported(registry, tmp_path / name)
    for path in (tmp_path / "gone").iterdir():
        path.unlink()
    (tmp_path / "gone").rmdir()
    for path in (tmp_path / "other").iterdir():
        path.unlink()
    (tmp_path / "other" / "songs.jsonl").write_text('{"title": "x"}\n')

    assert [export.folder.name for export in exports(registry)] == ["kept"]


def test_an_export_that_was_written_and_is_not_to_be_found_is_missed_until_it_is_dropped(
    registry: Registry, tmp_path: Path
) -> None:
    for name in ("kept", "gone", "taken"):
        exported(registry, tmp_path / name)
        confirm_export(registry, tmp_path / name)
    begin_export(registry, Export(tmp_path / "begun", "chat", WANTED))  # and never came to an end
    (tmp_path / "gone").rename(tmp_path / "elsewhere")
    anew = Export(tmp_path / "gone", "chat", WANTED)  # in a place that is not mounted
    begin_export(registry, anew)
    remember_export(registry, anew, tmp_path / "kept")
    (tmp_path / "taken" / "manifest.json").write_text("{}")

    assert {export.folder.name for export in out_of_reach(registry)} == {"gone", "taken"}
    drop_exports(registry, [tmp_path / "gone"])
    assert [export.folder.name for export in out_of_reach(registry)] == ["taken"]
    assert [export.folder.name for export in exports(registry)] == ["kept"]


def test_until_an_export_has_taken_its_place_what_stands_there_is_what_is_noted(
    registry: Registry, tmp_path: Path
) -> None:
    folder, part = tmp_path / "out", tmp_path / "part"
    before, now = exported(registry, folder), Export(folder, "parquet", Wanted(batches=("c",)))
    confirm_export(registry, folder)
    before_it = shutil.copytree(folder, tmp_path / "disk")
    for date in ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:06+00:00"):
        write_release(ROWS, part, "parquet", facts(date=date))
        remember_export(registry, now, part)  # and killed here, twice

        assert exports(registry) == [before]
        assert exports(registry)[0].written

    shutil.rmtree(folder)  # or its disk is not mounted: nobody can tell which of them stands there
    assert [(one.folder, one.wanted.batches) for one in out_of_reach(registry)] == [(folder, ())]
    write_release(ROWS, tmp_path / "third", "alpaca", facts())
    third = Export(folder, "alpaca", Wanted(batches=("b",)))
    remember_export(registry, third, tmp_path / "third")
    shutil.copytree(before_it, folder)  # its disk is there again
    assert exports(registry) == [before]
    shutil.rmtree(folder)
    part.rename(folder)  # and killed here
    assert exports(registry) == [now]
    shutil.rmtree(folder)
    (tmp_path / "third").rename(folder)
    assert exports(registry) == [third]
    confirm_export(registry, folder)
    assert exports(registry) == [third]


def test_an_export_that_nobody_has_noted_is_what_its_manifest_says(registry: Registry, tmp_path: Path) -> None:
    write_release(ROWS, tmp_path / "copy", "chat", facts(name="small"))
    write_release(table(row(1, response=None)), tmp_path / "bare", "chat", facts(answered=False))
    for name in ("copy", "bare"):
        begin_export(registry, Export(tmp_path / name, "parquet", WANTED))

    assert exports(registry) == [
        Export(tmp_path / "copy", "chat", Wanted(), release="small"),
        Export(tmp_path / "bare", "chat", Wanted(batches=("b",)), answered=False),
    ]


def test_bare_instructions_are_found_too_while_their_manifest_is_there(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    write_release(table(row(1, response=None)), folder, "chat", facts(answered=False))
    export = Export(folder, "chat", Wanted(batches=("b",)), answered=False)
    remember_export(registry, export, folder)

    assert exports(registry) == [export]
    assert set(exported_rows(export).iter_rows()) == {("b", "s1_0")}
    (folder / "manifest.json").unlink()
    assert exports(registry) == []


@pytest.mark.parametrize("form", FORMS)
def test_files_that_the_manifest_does_not_name_are_not_read(registry: Registry, tmp_path: Path, form: Form) -> None:
    export = exported(registry, tmp_path / "out", form)
    held = set(exported_rows(export).iter_rows())
    (export.folder / "notes.jsonl").write_text('{"title": "x"}\n')
    (export.folder / "other.parquet").write_bytes(b"PAR1")
    (export.folder / "more.jsonl").write_text('{"batch": "b", "id": "s9_0"}\n')

    assert set(exported_rows(export).iter_rows()) == held
