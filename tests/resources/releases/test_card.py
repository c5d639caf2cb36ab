from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from evergrow.resources.local_llm.weights import MODEL as EMBEDDED_MODEL
from evergrow.resources.releases.facts import Benchmarks
from evergrow.resources.releases.writing import write_release
from tests.releases import FUNNEL, MODELS, facts, row, table

HOSTILE = "---\nlicense: mit\n---\n# Own [heading](javascript:x) <script>alert(1)</script> | `code` \x00\x1b[31m ![](x)"


def card(folder: Path, *rows: dict[str, Any], **told: Any) -> tuple[dict[str, Any], str]:
    """The front matter and the text of a release's card."""
    write_release(table(*rows), folder, "chat", facts(**told))
    whole = (folder / "README.md").read_text(encoding="utf-8")
    _, front, text = whole.split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_front_matter_names_splits_types_licence_and_size(tmp_path: Path) -> None:
    front, _ = card(tmp_path / "r", row(1), row(2, split="validation", tree="t"), language=("en",), trees=("t",))

    assert front["license"] == "mit"
    assert front["language"] == ["en"]
    assert {"synthetic", "evergrow", "tree-of-evolution", "treesynth"} == set(front["tags"])
    assert front["size_categories"] == ["n<1K"]
    files = front["configs"][0]["data_files"]
    assert [(file["split"], file["path"]) for file in files] == [
        ("train", "train.jsonl"), ("validation", "validation.jsonl")
    ]  # fmt: skip
    types = {feature["name"]: feature for feature in front["dataset_info"]["features"]}
    assert types["complexity"]["dtype"] == "float64"
    assert [part["name"] for part in types["messages"]["list"]] == ["role", "content"]


def test_the_text_tells_recipe_funnel_scores_models_cost_and_prompts(tmp_path: Path) -> None:
    _, text = card(tmp_path / "r", row(1), row(2, verdict=None), price_tables=("2026-10-01",), limits=("Beware.",))

    assert "| evolution.beam | 0.75 |" in text
    assert "| model | not set |" in text
    assert "| round\\_01 | 30 | 28 | 2 | 8 | too\\_easy 8 | 20 |" in text
    assert "![Where the rows went](funnel.svg)" in text
    assert "| local\\|m | 5 | unknown |" in text
    assert "| generator | abc123 |" in text
    assert "| humaneval | 164 |" in text
    assert "price tables of 2026-10-01" in text
    assert "| complexity from | rows |" in text
    assert "| text | unknown | 1 |" in text
    assert "1 of 2 rows have no answer that passed" in text
    assert "- Beware." in text
    assert 'load_dataset("path/to/this/folder")' in text


@pytest.mark.parametrize("role", ["generator_model", "judge_model", "responder_model"])
def test_rows_of_the_embedded_model_are_warned_of_loudly(tmp_path: Path, role: str) -> None:
    assert "Do not train on them" in card(tmp_path / "r", row(1, **{role: EMBEDDED_MODEL}), row(2))[1]


def test_rows_that_are_left_out_are_not_warned_of(tmp_path: Path) -> None:
    _, text = card(tmp_path / "r", row(1), row(2, response=None, generator_model=EMBEDDED_MODEL))

    assert "Do not train" not in text
    assert "1 without an answer" in text


def test_what_is_not_known_is_said_to_be_unknown(tmp_path: Path) -> None:
    front, text = card(tmp_path / "r", row(1, license=None, complexity=None), benchmarks=None)

    assert front["license"] == "unknown"
    assert "language" not in front
    assert "compared with no benchmark" in text
    assert "No price table was used" in text
    assert "| unknown | 1 |" in text
    assert "The language of the rows was not determined" in text


def test_benchmarks_that_were_missing_or_matched_are_named(tmp_path: Path) -> None:
    checked = pl.DataFrame({"benchmark": ["humaneval"], "items": [164]})
    _, text = card(tmp_path / "r", row(1), benchmarks=Benchmarks(checked, ("mbpp",), {"humaneval": 3}))
    _, none = card(tmp_path / "s", row(1), benchmarks=Benchmarks(checked.clear(), ("mbpp",)))

    assert "Looked for and not found: mbpp." in text
    assert "| humaneval | 3 |" in text
    assert "**No benchmark was at hand.**" in none
    assert "compared with none" in none


def test_mixed_licences_are_a_table_and_no_licence(tmp_path: Path) -> None:
    front, text = card(tmp_path / "r", row(1), row(2, license="Apache-2.0"), row(3, license=None))

    assert front["license"] == "other"
    assert "license_name" not in front
    for line in ("| MIT | 1 |", "| Apache-2.0 | 1 |", "| unknown | 1 |"):
        assert line in text


def test_a_licence_that_the_hub_does_not_know_keeps_its_name(tmp_path: Path) -> None:
    front, _ = card(tmp_path / "r", row(1), license="House rules")

    assert (front["license"], front["license_name"]) == ("other", "House rules")


def test_untrusted_text_is_text_wherever_it_stands(tmp_path: Path) -> None:
    """In a name, a licence, a model, a stage, a benchmark, a batch; none of it becomes markup or front matter."""
    front, text = card(
        tmp_path / "r",
        row(1, license=HOSTILE, verdict=HOSTILE, task=HOSTILE),
        name=HOSTILE,
        batches=(HOSTILE,),
        models=MODELS.with_columns(model=pl.lit(HOSTILE)),
        funnel=FUNNEL.with_columns(stage=pl.lit(HOSTILE), reasons=pl.lit(HOSTILE)),
        benchmarks=Benchmarks(pl.DataFrame({"benchmark": [HOSTILE]}), (HOSTILE,), {HOSTILE: 1}),
        prompts={HOSTILE: HOSTILE},
        recipe={HOSTILE: HOSTILE},
        limits=(HOSTILE,),
        selection=HOSTILE,
    )

    assert front["pretty_name"] == HOSTILE
    assert front["license"] == "other"
    assert "<script" not in text.replace("\\<script", "")
    assert "](javascript" not in text.replace("\\]", "")
    assert "\x00" not in text
    assert "\n---\n" not in text
    headings = [line for line in text.splitlines() if line.startswith("# ")]
    assert len(headings) == 1
    assert "<script" not in (tmp_path / "r" / "funnel.svg").read_text()
