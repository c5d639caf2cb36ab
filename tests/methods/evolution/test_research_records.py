"""Records of the research code of Tree-of-Evolution: read with their scores, written with their ids."""

import json
from pathlib import Path

import polars as pl
import pytest

from evergrow.methods.evolution.research_records import as_records, scores
from evergrow.resources.seeds.read import read_seeds

RECORDS = [
    {"id": "7_0", "content": "Sum the even numbers.", "parent complexity score": "0", "parent diversity score": "0",
     "self complexity score": 5.5, "self complexity judge": "So so.", "root_node": "7", "layer": 1,
     "self diversity score": 0.4},
    {"id": "7_1", "content": "Sum the odd ones.", "parent complexity score": "0", "parent diversity score": "0"},
    {"id": 8, "content": "def f(x):\n    return x", "sha1": "ab"},
]  # fmt: skip


def test_a_scored_record_keeps_its_scores_and_is_a_question(tmp_path: Path) -> None:
    path = tmp_path / "all_questions_3_w_complexity_scores.json"
    path.write_text(json.dumps(RECORDS))
    seeds = read_seeds(path, 1_000)

    assert seeds.frame.select("seed_id", "kind", "complexity", "diversity").rows() == [
        ("7_0", "question", 5.5, 0.4),
        ("7_1", "instruction", None, None),
        ("8", "code", None, None),
    ]
    assert any("1 row is a scored record of Tree-of-Evolution" in note for note in seeds.notes)


@pytest.mark.parametrize(
    ("given", "kept"), [(1, 1.0), ("7.5", 7.5), (99, None), (0, None), ("high", None), (None, None)]
)
def test_what_is_no_score_is_none(given: object, kept: float | None) -> None:
    frame = pl.DataFrame({"self complexity score": [given]}, strict=False)

    assert scores(frame)["complexity"].to_list() == [kept]


def test_ids_go_on_in_the_tree_that_they_stem_from() -> None:
    rows = pl.DataFrame(
        {"id": ["7%5F0_2", "a%20b_1"], "content": ["x", "y"], "complexity": [3.0, None], "reason": [None, "r"]}
    )

    assert as_records(rows).to_dicts() == [
        {"id": "7_0_2", "content": "x", "self complexity score": 3.0, "root_node": "7", "layer": 2},
        {"id": "a b_1", "content": "y", "self complexity score": None, "root_node": "a b", "layer": 1},
    ]
