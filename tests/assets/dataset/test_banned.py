"""A release's own rows without what is banned: nothing else of it changes; what others could replace is counted."""

import polars as pl
import pytest

from evergrow.assets.dataset.banned import may_come_back, taken_down
from evergrow.assets.dataset.release import COLUMNS


def release(*rows: dict[str, str | None]) -> pl.DataFrame:
    """Rows of a release; those without a reason lie in `train`."""
    told = [
        {"batch": "b", "root_id": row["id"], "split": None if row.get("reason") else "train", **row} for row in rows
    ]
    return pl.DataFrame(told, schema_overrides=dict.fromkeys(COLUMNS, pl.String)).select(
        pl.col(name) if name in {key for row in told for key in row} else pl.lit(None, pl.String).alias(name)
        for name in COLUMNS
    )


def why(*reasons: str | None) -> pl.Series:
    return pl.Series("why", reasons, dtype=pl.String)


def test_only_what_is_banned_goes_and_what_was_left_out_keeps_its_reason() -> None:
    before = release({"id": "a"}, {"id": "b"}, {"id": "c", "root_id": "a", "reason": "beyond_target"})

    left = taken_down(before, why("forgotten: seed 'a'", None, "forgotten: seed 'a'"), exact=False)

    assert left.rows["reason"].to_list() == ["forgotten: seed 'a'", None, "beyond_target"]
    assert left.rows["split"].to_list() == [None, "train", None]
    assert left.rows.drop("reason", "split").equals(before.drop("reason", "split"))
    assert left.replaceable == 0


@pytest.mark.parametrize(
    ("repeats", "banned", "exact", "replaceable"),
    [
        (None, False, False, 0),
        (None, False, True, 1),
        ("a", False, False, 1),
        ("a", True, False, 0),
        ("b", False, False, 0),
    ],
)
def test_others_may_take_the_place_of_rows_that_they_repeat_or_that_were_counted(
    repeats: str | None, banned: bool, exact: bool, replaceable: int
) -> None:
    left_out = {"id": "c", "reason": "duplicate: of it", "duplicate_of": repeats, "duplicate_batch": "b"}
    rows = release({"id": "a"}, {"id": "b"}, left_out)

    left = taken_down(rows, why("forgotten: seed 'a'", None, "forgotten: seed 'c'" if banned else None), exact=exact)

    assert left.replaceable == replaceable


def test_rows_that_were_left_out_by_a_ban_may_come_back_when_nothing_bans_them_any_more() -> None:
    bans = ("forgotten: seed 'a'", "forgotten: model 'm'", None)
    rows = release(*({"id": name, "reason": ban} for name, ban in zip("abc", bans, strict=True)))

    assert may_come_back(rows, why(None, "forgotten: model 'm'", None)) == 1
    assert may_come_back(rows, why("forgotten: licence 'x'", None, None)) == 1
    assert may_come_back(rows, why(*bans)) == 0
