import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from evergrow.methods.releasing.digests import set_digest
from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.resources.releases.manifest import Manifest, ManifestError, file_entry, read_manifest
from evergrow.resources.releases.proof import verify_release
from evergrow.resources.releases.writing import write_release
from tests.releases import TRICKY, facts, row, table

LAKE = table(*(row(n, content=text, response=text) for n, text in enumerate(TRICKY)), row(50, split="test"))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_release(LAKE, tmp_path / "r", "chat", facts())
    return tmp_path / "r"


def faults(folder: Path) -> list[str]:
    return [str(fault) for fault in verify_release(folder).faults]


def from_lake(keys: pl.DataFrame) -> pl.DataFrame:
    return LAKE.join(keys, on=["batch", "id"], how="semi")


@pytest.mark.parametrize("form", FORMS)
def test_a_release_is_sound_and_every_row_equals_the_lakes(tmp_path: Path, form: Form) -> None:
    write_release(LAKE, tmp_path / "r", form, facts())

    report = verify_release(tmp_path / "r", from_lake)

    assert report.faults == ()
    assert (report.files, report.rows, report.proven) == (5, 15, 15)
    assert verify_release(tmp_path / "r").proven is None


def test_a_rows_digest_can_be_computed_by_anybody(release: Path) -> None:
    lines = (release / "test.jsonl").read_text().splitlines()
    written = [
        json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False, separators=(",", ":")) for line in lines
    ]

    assert set_digest(sha256(one.encode()).digest() for one in written) == read_manifest(release).splits["test"].digest


@pytest.mark.parametrize("name", ["train.jsonl", "test.jsonl", "README.md", "croissant.json", "funnel.svg"])
def test_a_flipped_byte_is_found_in_any_file(release: Path, name: str) -> None:
    data = bytearray((release / name).read_bytes())
    data[len(data) // 2] ^= 1
    (release / name).write_bytes(data)

    assert any(fault.startswith(f"{name}: was changed") for fault in faults(release))
    assert verify_release(release).files == 4


def test_a_flipped_byte_is_found_in_parquet_wherever_it_is(tmp_path: Path) -> None:
    write_release(LAKE, tmp_path / "r", "parquet", facts())
    path = tmp_path / "r" / "train.parquet"
    whole = path.read_bytes()

    for place in range(0, len(whole), max(len(whole) // 40, 1)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert any("train.parquet: was changed" in fault for fault in faults(tmp_path / "r"))


def test_a_removed_row_is_found(release: Path) -> None:
    path = release / "train.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))

    assert "train.jsonl: has 13 rows, not 14" in faults(release)
    assert "all rows: has 14 rows, not 15" in faults(release)


@pytest.mark.parametrize("name", ["extra.jsonl", ".hidden", "train-00001.parquet"])
def test_an_added_file_is_found(release: Path, name: str) -> None:
    (release / name).write_text("{}")

    assert faults(release) == [f"{name}: is no part of the release: it was added"]


def test_files_of_git_and_of_the_hubs_client_are_passed_over(release: Path) -> None:
    (release / ".gitattributes").write_text("")
    (release / ".cache").mkdir()

    assert faults(release) == []


@pytest.mark.parametrize("name", ["train.jsonl", "README.md"])
def test_a_missing_file_is_found(release: Path, name: str) -> None:
    (release / name).unlink()

    assert f"{name}: is missing" in faults(release)


@pytest.mark.parametrize("name", ["train.jsonl", "README.md"])
def test_a_pipe_in_the_place_of_a_file_is_found_and_not_waited_for(release: Path, name: str) -> None:
    (release / name).unlink()
    os.mkfifo(release / name)

    assert f"{name}: is no file" in faults(release)


def test_a_pipe_in_the_place_of_the_manifest_is_one_message(release: Path) -> None:
    (release / "manifest.json").unlink()
    os.mkfifo(release / "manifest.json")

    with pytest.raises(ManifestError, match="it is no file"):
        verify_release(release)


def test_swapped_files_are_found(release: Path) -> None:
    (release / "train.jsonl").rename(release / "x")
    (release / "test.jsonl").rename(release / "train.jsonl")
    (release / "x").rename(release / "test.jsonl")

    assert "test.jsonl: has 14 rows, not 1" in faults(release)


def forged(release: Path, change: Callable[[Manifest], Manifest]) -> Path:
    """The release with one answer changed, and the file's checksum in the manifest made to fit; then `change`."""
    path = release / "test.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Done 50", b"Gone 50"))
    told = read_manifest(release)
    files = [file_entry(path, "test") if entry.path == path.name else entry for entry in told.files]
    (release / "manifest.json").write_bytes(change(told.model_copy(update={"files": files})).to_bytes())
    return release


def test_a_checksum_that_was_edited_to_fit_changed_rows_is_found(release: Path) -> None:
    found = faults(forged(release, lambda told: told))

    assert "manifest.json: was edited: it does not have the digest that it says it has" in found
    assert any(fault.startswith("test.jsonl: has other rows") for fault in found)


def test_a_manifest_that_was_edited_and_sealed_again_does_not_fit_the_rows(release: Path) -> None:
    found = faults(forged(release, Manifest.sealed))

    assert [fault.partition(":")[0] for fault in found] == ["test.jsonl", "all rows"]


def test_a_release_that_was_forged_throughout_differs_from_the_lake(release: Path, tmp_path: Path) -> None:
    write_release(LAKE.with_columns(response=pl.col("response") + "!"), tmp_path / "r", "chat", facts())

    report = verify_release(tmp_path / "r", from_lake)

    assert faults(tmp_path / "r") == []
    assert report.proven == 0
    assert "row 's0_0' of batch 'b': differs from the lake's" in map(str, report.faults)
    assert str(report.faults[-1]) == "the lake: 5 more rows differ from it"


def test_a_row_that_the_lake_lacks_or_has_in_another_split_is_found(release: Path) -> None:
    lake = LAKE.filter(pl.col("id") != "s3_0").with_columns(
        split=pl.when(pl.col("id") == "s4_0").then(pl.lit("test")).otherwise("split")
    )

    report = verify_release(release, lambda _: lake)

    assert report.proven == 13
    assert [str(fault) for fault in report.faults] == [
        "row 's3_0' of batch 'b': is not in the lake",
        "row 's4_0' of batch 'b': is in split train, in the lake in test",
    ]


def test_a_row_that_was_doubled_throughout_is_found_beside_the_lake(release: Path) -> None:
    path = release / "test.jsonl"
    path.write_bytes(path.read_bytes() * 2)
    told = read_manifest(release)
    files = [file_entry(path, "test") if entry.path == path.name else entry for entry in told.files]
    (release / "manifest.json").write_bytes(told.model_copy(update={"files": files}).sealed().to_bytes())

    assert "row 's50_0' of batch 'b': is there more than once" in map(str, verify_release(release, from_lake).faults)


@pytest.mark.parametrize(
    "line", ["[1]", '{"id": 5, "batch": null}', "[" * 100_000, "\xff", '{"x": NaN}', '{"x": "\\ud800"}']
)
def test_lines_that_no_release_has_are_faults_and_no_crash(release: Path, line: str) -> None:
    (release / "test.jsonl").write_bytes(line.encode("latin-1"))

    found = [str(fault) for fault in verify_release(release, from_lake).faults]

    assert any(fault.startswith("test.jsonl: has ") for fault in found)
    assert any("its rows cannot be read" in fault or "of batch None" in fault for fault in found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no manifest"),
        ("{}", "is no manifest"),
        ('{"made_by": "other"}', "is no manifest"),
        ("[]", "is no manifest"),
        ("\x00", "is no manifest"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_message(release: Path, content: str, said: str) -> None:
    (release / "manifest.json").write_text(content)

    with pytest.raises(ManifestError, match=said):
        verify_release(release)


def test_a_manifest_leads_to_no_file_outside_its_folder(release: Path) -> None:
    told = json.loads((release / "manifest.json").read_text())
    told["files"][0]["path"] = "../secret"
    (release / "manifest.json").write_text(json.dumps(told))

    with pytest.raises(ManifestError, match=r"files\.0\.path"):
        verify_release(release)


def test_a_folder_without_a_release_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="holds no release"):
        verify_release(tmp_path / "none")
