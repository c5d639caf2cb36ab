"""One dataset of several batches: what it holds, how it is cut to size, and when it may not be read."""

import hashlib

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

from evergrow.assets.dataset.banned import basis
from evergrow.assets.dataset.release import COLUMNS
from evergrow.assets.names import CLEAN, MAIN, RELEASE
from evergrow.resources.lake.readable import GateClosed
from evergrow.resources.ledger.registry_schema import bans
from evergrow.resources.registry.bans import Ban, remember
from tests.platform import Platform
from tests.samples import PLAIN, instructions

STEPS = ("seeds", "responses", "verified", "clean")


@pytest.fixture(scope="module")
def made(platform: Platform) -> Platform:
    """Batches `grown`, evolved from five functions, and `plain`, three instructions as they are; `raw` is not cleaned.

    Only the release itself looks for what repeats the rows of another batch.
    """
    platform = platform.but(cleaning={"across_batches": False})
    platform.register("grown", 5)
    platform.register("plain", instructions(PLAIN[:3], license="MIT"))
    platform.register("raw", 2)
    for job in ("seeds", "round_01", "collected", *STEPS[1:]):
        assert platform.run(job, "grown") == ""
    for job in STEPS:
        assert platform.run(job, "plain") == ""
    return platform


def clean_rows(platform: Platform) -> int:
    return sum(platform.table(CLEAN, batch).height for batch in ("grown", "plain"))


def test_all_clean_rows_of_all_batches_are_released_unless_others_are_named(made: Platform) -> None:
    assert made.release() == ""
    every = made.released()

    assert tuple(every.columns) == tuple(name for name in COLUMNS if name != "reason")
    assert set(every["batch"]) == {"grown", "plain"}
    assert every.height == clean_rows(made)
    assert set(every.filter(pl.col("batch") == "plain")["license"]) == {"MIT"}
    assert made.release("plain", "plain") == ""
    assert made.released()["id"].to_list() == ["q0", "q1", "q2"]


def test_no_root_lies_in_two_splits_and_every_row_in_one(made: Platform) -> None:
    shares = made.but(release={"validation_share": 0.2, "test_share": 0.2})

    assert shares.release() == ""

    every = shares.released()
    assert set(every["split"]) == {"train", "validation", "test"}
    assert every.group_by("batch", "root_id").agg(pl.col("split").n_unique())["split"].unique().to_list() == [1]


def test_an_exact_size_takes_the_best_of_every_root_first(made: Platform) -> None:
    roots = made.table(CLEAN, "grown")["root_id"].n_unique()

    assert made.release("grown", rows=roots) == ""

    kept, every = made.released(), made.released("all")
    assert kept["root_id"].n_unique() == kept.height == roots
    best = made.table(CLEAN, "grown").group_by("root_id").agg(pl.col("value").max())
    assert kept.join(best, on=["root_id", "value"]).height == roots
    assert set(every["reason"].drop_nulls()) <= {"beyond_target"}
    assert every.height == made.table(CLEAN, "grown").height
    assert every.filter(pl.col("reason").is_not_null())["split"].null_count() == every.height - roots


def test_what_repeats_a_row_of_another_batch_is_left_out_and_points_at_it(made: Platform) -> None:
    made.register("again", instructions([PLAIN[1], PLAIN[4]], prefix="r"))
    for job in STEPS:
        assert made.run(job, "again") == ""

    assert made.release("plain", "again") == ""

    left_out = made.released("all").filter(pl.col("reason").is_not_null())
    assert left_out.height == 1
    row = left_out.row(0, named=True)
    assert row["reason"] == f"duplicate: of {row['duplicate_of']} in batch {row['duplicate_batch']}"
    assert {(row["batch"], row["id"]), (row["duplicate_batch"], row["duplicate_of"])} == {
        ("plain", "q1"),
        ("again", "r0"),
    }
    assert made.released()["content"].is_unique().all()


def test_too_large_a_size_names_the_stage_that_ran_dry_and_what_raises_it(made: Platform) -> None:
    """After the test above: the release itself is what loses a row."""
    said = made.release("plain", "again", rows=5)

    assert said == (
        "4 of 5 rows are there (responses 5 > verified 5 > clean 5 > release 4); most are lost in release: release "
        "other batches, or add seeds: what is lost here repeats other rows or is banned; "
        "or ask for what is there: --rows 4"
    )
    shorter = made.but(cleaning={"across_batches": False, "max_instruction_chars": 60})
    assert shorter.run("clean", "plain") == ""
    assert "most are lost in clean: see `evergrow table dataset/clean" in shorter.release("plain", rows=3)
    assert made.run("clean", "plain") == ""
    assert "nothing was lost on the way: add seeds" in made.release("plain", rows=4)


def test_what_is_banned_stays_out_with_the_ban_as_reason(made: Platform) -> None:
    remember(made.registry, [Ban("seed", "q0"), Ban("seed", "s1")])

    assert made.release("grown", "plain") == ""

    every = made.released("all")
    out = every.filter(pl.col("reason").str.starts_with("forgotten: seed"))
    assert set(out["root_id"]) == {"q0", "s1"}
    assert not {"q0", "s1"} & set(made.released()["root_id"])
    with made.registry.alone() as connection:
        connection.execute(sa.delete(bans))


def test_a_ban_of_a_seed_whose_id_reads_as_a_time_is_one_of_all_its_spellings() -> None:
    plain, encoded, other = (Ban("seed", value) for value in ("2024-01-01", "2024%2D01-01", "s1"))

    assert basis([plain]) == basis([encoded]) == basis([encoded, plain])
    # As earlier versions noted it: what was released under it may hold the other spelling.
    assert basis([encoded]) != hashlib.sha256(repr([encoded]).encode()).hexdigest()[:12]
    assert basis([other]) == hashlib.sha256(repr([other]).encode()).hexdigest()[:12]


def test_the_job_that_the_ui_starts_needs_no_configuration(made: Platform) -> None:
    job = made.definitions.resolve_job_def("release")

    assert job.execute_in_process(instance=made.instance, partition_key=MAIN, raise_on_error=False).success
    assert set(made.released()["batch"]) >= {"grown", "plain"}


def test_a_batch_without_clean_rows_is_named(made: Platform) -> None:
    said = made.release("raw")

    assert said == "table dataset/clean of batch 'raw' was never made: `evergrow release --batch raw` makes it"


def test_nothing_is_released_from_behind_a_closed_gate(made: Platform) -> None:
    assert made.release("plain") == ""
    strict = made.but(gates={**made.overrides["gates"], "clean": {"min_rows": 4}})
    assert "enough rows are clean (3, wanted at least 4, setting gates.clean.min_rows)" in strict.run("clean", "plain")

    assert made.released().height == 3  # what was released stays as it was
    for batches in ((), ("plain",), ("grown", "plain")):
        assert "clean_gate is FAILED for partition 'plain'" in made.release(*batches)
    assert made.release("grown") == ""
    assert set(made.released()["batch"]) == {"grown"}
    assert made.run("clean", "plain") == ""


def test_a_batch_that_was_judged_by_lower_thresholds_than_todays_is_not_released(made: Platform) -> None:
    for stage in ("clean", "verified"):
        strict = made.but(gates={**made.overrides["gates"], stage: {"min_rows": 4}})
        for batches in ((), ("plain",), ("grown", "plain")):
            assert "the thresholds of its gate changed since" in strict.release(*batches), stage


def test_a_release_stays_as_it_was_once_the_clean_rows_of_a_batch_are_others(made: Platform) -> None:
    assert made.release("plain") == ""
    before = made.released()
    shorter = made.but(cleaning={"across_batches": False, "max_instruction_chars": 60})
    assert shorter.run("clean", "plain") == ""

    assert made.released().equals(before)
    assert made.run("clean", "plain") == ""


def test_a_release_stays_as_it_was_once_a_gate_far_above_it_has_closed(made: Platform) -> None:
    assert made.release("grown", "plain") == ""
    before = made.released()
    strict = made.but(gates={**made.overrides["gates"], "verified": {"min_rows": 99}})
    assert "enough rows are verified" in strict.run("verified", "plain")

    assert made.released().equals(before)
    assert made.run("verified", "plain") == ""


def test_a_job_that_leaves_out_the_gate_leaves_the_release_unread(made: Platform) -> None:
    assert made.release("grown") == ""
    selection = dg.AssetSelection.assets(RELEASE).without_checks()
    bare = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[dg.define_asset_job("bare", selection)]))

    job = bare.resolve_job_def("bare")
    assert job.execute_in_process(instance=made.instance, partition_key=MAIN, raise_on_error=False).success

    with pytest.raises(GateClosed, match="release_gate is STALE"):
        made.released()
    assert made.release() == ""
