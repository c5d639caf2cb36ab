"""What descends from a seed, from a model's writing, from a licence."""

import polars as pl
import pytest

from evergrow.methods.releasing.descent import Banned, why_banned

# batch, id, root_id, leaf_id, license, responder_model
ROWS = [
    ("b", "s0_1_2", "s0", None, "MIT", "answerer"),
    ("b", "s0_0", "s0", None, "MIT", "answerer"),
    ("b", "s1_0", "s1", "l7", " GPL-3.0", "other"),
    ("c", "s0_1_2", "s0", None, None, None),
    ("t", "x9", "l7", "l7", None, "answerer"),
    ("d", "2024-01-01_0", "2024-01-01", None, None, None),  # of a table from before such ids were encoded
    ("e", "2024%2D01-01_0", "2024%2D01-01", None, None, None),
]
SCHEMA = dict.fromkeys(("batch", "id", "root_id", "leaf_id", "license", "responder_model"), pl.String)
WRITTEN = [
    ("b", "s0_1", "old"), ("b", "s0_1_2", "new"), ("b", "s0_0", "new"), ("b", "s1_0", "new"),
    ("c", "s0_1", "new"), ("c", "s0_1_2", "new"), ("t", "x9", "writer"),
]  # fmt: skip
OF_WRITTEN = dict.fromkeys(("batch", "id", "generator_model"), pl.String)


def why(**banned: list[str]) -> list[str | None]:
    rows = pl.DataFrame(ROWS, schema=SCHEMA, orient="row")
    written = pl.DataFrame(WRITTEN, schema=OF_WRITTEN, orient="row")
    return why_banned(rows, Banned(**banned), written).to_list()


@pytest.mark.parametrize(
    ("banned", "places"),
    [
        ({"seeds": ["s0"]}, [0, 1, 3]),
        ({"seeds": ["x9"]}, [4]),
        ({"seeds": ["l7"]}, [2, 4]),
        ({"seeds": ["s"]}, []),
        ({"seeds": ["2024-01-01"]}, [5, 6]),
        ({"seeds": ["2024%2D01-01"]}, [5, 6]),
        ({"models": ["old"]}, [0]),  # it wrote the parent, in one of the two batches
        ({"models": ["new"]}, [0, 1, 2, 3]),
        ({"models": ["answerer"]}, [0, 1, 4]),
        ({"models": ["writer"]}, [4]),
        ({"licences": ["gpl-3.0 "]}, [2]),
        ({"licences": ["MIT"], "seeds": ["l7"]}, [0, 1, 2, 4]),
        ({}, []),
    ],
)
def test_descendants_are_found_and_no_others(banned: dict[str, list[str]], places: list[int]) -> None:
    assert [place for place, found in enumerate(why(**banned)) if found] == places


def test_the_reason_names_what_is_banned() -> None:
    assert why(seeds=["s1"])[2] == "forgotten: seed 's1'"
    assert why(models=["old"])[0] == "forgotten: model 'old'"
    assert why(licences=["GPL-3.0"])[2] == "forgotten: licence 'GPL-3.0'"


def test_a_name_that_looks_like_a_pattern_is_a_name() -> None:
    assert why(seeds=[".*", "s0_%"], models=["new|old"]) == [None] * len(ROWS)


def test_no_rows_have_no_reasons() -> None:
    rows, written = pl.DataFrame(schema=SCHEMA), pl.DataFrame(schema=OF_WRITTEN)

    assert why_banned(rows, Banned(["s0"], ["m"], ["MIT"]), written).to_list() == []
