"""A release's own rows without what is banned: nothing else of it changes; what others could replace is counted."""

import polars as pl
import pytest

from evergrow.assets.dataset.banned import taken_down
from evergrow.assets.dataset.release import COLUMNS
from evergrow.resources.registry.bans import Ban

NONE = pl.DataFrame(schema={"batch": pl.String, "id": pl.String, "generator_model": pl.String})


def release(*rows: dict[str, str | None]) -> pl.DataFrame:
    """Rows of a release; those without a reason lie in `train`."""
    told = [
        {"batch": "b", "root_id": row["id"], "split": None if row.get("reason") else "train", **row} for row in rows
    ]
    return pl.DataFrame(told, schema_overrides=dict.fromkeys(COLUMNS, pl.String)).select(
        pl.col(name) if name in {key for row in told for key in row} else pl.lit(None, pl.String).alias(name)
        for name in COLUMNS
    )


def test_only_what_is_banned_goes_and_what_was_left_out_keeps_its_reason() -> None:
    before = release({"id": "a"}, {"id": "b"}, {"id": "c", "root_id": "a", "reason": "beyond_target"})

    left = taken_down(before, [Ban("seed", "a")], NONE, exact=False)

    assert left.rows["reason"].to_list() == ["forgotten: seed 'a'", None, "beyond_target"]
    assert left.rows["split"].to_list() == [None, "train", None]
    assert left.rows.drop("reason", "split").equals(before.drop("reason", "split"))
    assert left.replaceable == 0


@pytest.mark.parametrize(
    ("repeats", "exact", "replaceable"), [(None, False, 0), (None, True, 1), ("a", False, 1), ("b", False, 0)]
)
def test_others_may_take_the_place_of_rows_that_others_repeat_or_that_were_counted(
    repeats: str | None, exact: bool, replaceable: int
) -> None:
    left_out = {"id": "c", "reason": "duplicate: of it", "duplicate_of": repeats, "duplicate_batch": "b"}

    left = taken_down(release({"id": "a"}, {"id": "b"}, left_out), [Ban("seed", "a")], NONE, exact=exact)

    assert left.replaceable == replaceable


def test_what_a_banned_model_wrote_goes_with_all_that_was_evolved_from_it() -> None:
    rows = release({"id": "a_0_1", "root_id": "a"}, {"id": "b_0", "root_id": "b", "generator_model": "m"}, {"id": "c"})
    wrote = pl.DataFrame({"batch": ["b"], "id": ["a_0"], "generator_model": ["m"]})

    left = taken_down(rows, [Ban("model", "m")], wrote, exact=False)

    assert left.rows.filter(pl.col("reason").is_null())["id"].to_list() == ["c"]
