import polars as pl
import pytest

from evergrow.assets.gates.check import evaluate
from evergrow.resources.settings import load_settings

SERVED = {"endpoints": {"default": {"base_url": "http://127.0.0.1:9/v1"}}}  # the defaults, not the embedded profile


def scored(*rows: tuple[float | None, str | None]) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema={"complexity": pl.Float64, "reason": pl.String}, orient="row")
    return table.with_columns(id=pl.format("a_{}", pl.int_range(pl.len())), diversity=pl.lit(0.5))


def said(table: pl.DataFrame, stage: str, **facts: object) -> str:
    found = evaluate(stage, table, load_settings(SERVED), {"requested": table.height, **facts})
    return "" if found.passed else str(found.description)


def test_a_task_that_is_unfit_counts_as_judged() -> None:
    rows = [(5.0 + n % 3, None) for n in range(9)]

    assert not said(scored(*rows, (None, "unfit: it cannot be solved")), "complexity", lowest_mean=None)
    assert "scored enough" in said(scored(*rows, (None, "failed: timeout")), "complexity", lowest_mean=None)


def test_a_round_of_tasks_that_nobody_could_solve_goes_no_further() -> None:
    unfit = [(None, "unfit: it cannot be solved")] * 6

    assert "few enough of the children are unfit" in said(
        scored(*[(5.0 + n, None) for n in range(4)], *unfit), "complexity", lowest_mean=None
    )


@pytest.mark.parametrize(("ratio", "before", "setting"), [(0.5, None, "to_seeds"), (0.9, 1.5, "to_previous")])
def test_a_round_that_is_poorer_than_its_seeds_or_than_the_last_one_is_stopped(
    ratio: float, before: float | None, setting: str
) -> None:
    table = scored(*[(5.0, None)] * 10)
    floors = load_settings(SERVED).gates.diversity
    facts = {
        "ratio_to_seeds": ratio,
        "lowest_ratio_to_seeds": floors.min_ratio_to_seeds,
        "lowest_ratio_to_previous": None if before is None else floors.min_ratio_to_previous * before,
    }

    assert f"gates.diversity.min_ratio_{setting}" in said(table, "diversity", **facts)


def test_what_was_not_measured_is_not_said_to_be_met() -> None:
    table = scored(*[(5.0, None)] * 10)

    found = evaluate(
        "diversity",
        table,
        load_settings(SERVED),
        {"requested": 10, "ratio_to_seeds": None, "lowest_ratio_to_seeds": None, "lowest_ratio_to_previous": None},
    )

    assert found.passed
    assert "ratio" not in str(found.metadata["expectations"])
