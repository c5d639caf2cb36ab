"""Croissant metadata beside every export as MLCommons' own library reads it, and a card as the hub's library does."""

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from huggingface_hub import DatasetCard

from evergrow.methods.releasing.formats import PAIRED, Form
from evergrow.resources.releases.writing import write_release
from tests.releases import TRICKY, facts, row, table

ROWS = table(
    row(1, tree="t", leaf_id="l", attributes=[{"dimension": "Topic", "value": "Bees"}]),
    row(2, domain="<b>\n{{ x }}"),
    row(3, split="test"),
    *(row(n + 10, content=text, response=text) for n, text in enumerate(TRICKY[:12])),
)


def written(folder: Path, form: Form, **told: Any) -> dict[str, Any]:
    write_release(ROWS, folder, form, facts(**told))
    return dict(json.loads((folder / "croissant.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("form", ["chat", "alpaca", "sharegpt", "completion", "parquet"])
def test_its_records_are_the_rows_of_the_files(tmp_path: Path, form: Form) -> None:
    assert form not in PAIRED
    written(tmp_path / "r", form)

    dataset = mlcroissant.Dataset(tmp_path / "r" / "croissant.json")

    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    for split, count in (("train", 14), ("test", 1)):
        records = list(dataset.records(split))
        assert len(records) == count
        assert {record[f"{split}/id"].decode() for record in records} == set(ROWS.filter(split=split)["id"])
    contents = set(ROWS["response"])
    if form in ("alpaca", "parquet"):
        column = "train/output" if form == "alpaca" else "train/response"
        assert {record[column].decode() for record in dataset.records("train")} <= contents


def test_it_says_what_responsible_ai_asks_for_as_far_as_it_is_known(tmp_path: Path) -> None:
    told = written(
        tmp_path / "r", "chat", language=("en",), limits=("The judge was never calibrated.",),
        recipe={"cleaning": {"personal_data": True, "secrets": False}},
    )  # fmt: skip

    assert told["conformsTo"] == ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
    assert told["license"] == "https://spdx.org/licenses/MIT"
    assert told["inLanguage"] == ["en"]
    assert "generator_model: m" in told["rai:machineAnnotationTools"]
    assert "The judge was never calibrated." in told["rai:dataLimitations"]
    assert told["rai:personalSensitiveInformation"] == [
        "Rows were left out in which rules recognised personal data; other may remain."
    ]
    assert told["rai:dataCollectionRawData"] == ["15 rows from seeds of licence MIT"]
    metadata = mlcroissant.Dataset(tmp_path / "r" / "croissant.json").metadata
    assert metadata.data_limitations
    assert metadata.data_annotation_protocol


def test_what_was_not_searched_or_is_not_known_is_not_claimed(tmp_path: Path) -> None:
    told = written(tmp_path / "r", "chat", answered=True)

    assert told["rai:personalSensitiveInformation"] == ["The rows were not searched for personal data."]
    assert "inLanguage" not in told


def test_the_hubs_library_reads_the_card(tmp_path: Path) -> None:
    written(tmp_path / "r", "chat", language=("en", "de"), trees=("t",))

    card = DatasetCard.load(tmp_path / "r" / "README.md")

    assert card.data.language == ["en", "de"]
    assert card.data.task_categories == ["text-generation"]
    assert card.data.tags == ["synthetic", "evergrow", "tree-of-evolution", "treesynth"]
    assert card.data.license == "mit"
