"""Where the rows of a batch went: at every stage requested = accepted + rejected + failed, whatever goes wrong."""

from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from evergrow.assets.dataset.funnel import FAILURES, SCHEMA, bars, come_back, counted, driest, funnel
from evergrow.assets.names import CLEAN, COLLECTED, MAIN, RELEASE, RESPONSES, VERIFIED, stage_key
from tests.conftest import FakeEndpoint
from tests.platform import Platform, share_vectors
from tests.samples import SUMS, instructions

FAULTS = {"429": 0.02, "500": 0.02, "prose": 0.02, "empty": 0.02, "refuse": 0.05, "truncate": 0.02}
REASONS = ("outside_beam", "duplicate: of x", "secret: a key", "too long", *(f"{word}: why" for word in FAILURES))


@given(st.lists(st.sampled_from([None, *REASONS]), max_size=40))
def test_every_row_is_counted_once(reasons: list[str | None]) -> None:
    table = pl.LazyFrame({"reason": reasons}, schema={"reason": pl.String})

    stage, requested, answered, failed, rejected, told, accepted = counted("x", table)

    assert (stage, requested) == ("x", len(reasons))
    assert requested == failed + rejected + accepted
    assert answered == requested - failed
    assert accepted == reasons.count(None)
    assert failed == sum(1 for r in reasons if r and r.split(":")[0] in FAILURES)
    assert sum(int(part.split()[-1]) for part in told.split(", ") if part) == requested - accepted


def stages(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(name, came, came, 0, came - went, "", went) for name, came, went in rows], schema=SCHEMA, orient="row"
    )


def test_rows_that_come_back_after_a_round_left_them_out_are_told() -> None:
    rounds = [("round_01", 9, 9, 0, 4, "outside_beam 3, duplicate 1", 5), ("round_02", 9, 9, 0, 2, "below_parent 2", 7)]
    made = pl.DataFrame([*rounds, ("collected", 17, 17, 0, 1, "too_close_in_tree 1", 16)], schema=SCHEMA, orient="row")

    assert come_back(made) == (
        "5 rows that are below_parent or outside_beam have no children, and are samples all the same: collected "
        "chooses among them, too"
    )
    assert come_back(made.head(2)) is None
    assert come_back(made.tail(1)) is None


def test_the_driest_stage_is_the_one_that_lost_the_largest_share() -> None:
    told = stages(("responses", 100, 90), ("verified", 90, 30), ("clean", 30, 25), ("round_01", 9, 0))

    assert driest(told, ["responses", "verified", "clean"]) == "verified"
    assert driest(told, ["clean"]) == "clean"
    assert driest(stages(("clean", 5, 5), ("verified", 0, 0)), ["clean", "verified"]) is None


def test_bars_are_as_long_as_what_went_on() -> None:
    first, second = bars(stages(("round_01", 80, 40), ("clean", 40, 0))).splitlines()

    assert first.count("█") == first.count("·") == 20
    assert (second.count("█"), second.count("·")) == (0, 20)
    assert "40 of 80" in first
    assert bars(stages()) == ""


def test_it_adds_up_under_faults_at_every_stage_that_is_made(
    platform: Platform, fake_endpoint: FakeEndpoint, known_vectors: Path
) -> None:
    """Every request of every stage may meet a fault; attempts are few, so that some never get an answer."""
    faulty = platform.but(
        evolution={"rounds": 2, "children": 2, "margin": -10},
        endpoints={"default": {"attempts": 1}},
        answers={"tasks": {"sums": "maths"}, "votes": 3},
        gates={
            **platform.overrides["gates"],
            "instructions": {"min_answered_share": 0.1},
            "responses": {"max_failed_share": 0.9},
            "complexity": {**platform.overrides["gates"]["complexity"], "min_scored_share": 0.3},
        },
    )
    share_vectors(known_vectors, faulty.home.lake)
    faulty.register("code", 6)
    faulty.register("sums", instructions(SUMS, domain="sums"))
    fake_endpoint.control(share=FAULTS)
    for batch, jobs in (("code", ("seeds", "round_01", "round_02", "collected")), ("sums", ("seeds",))):
        for job in (*jobs, "responses", "verified", "clean"):
            assert faulty.run(job, batch) == "", (batch, job)
    assert faulty.release() == ""

    code, sums = (funnel(faulty.instance, faulty.lake, batch) for batch in ("code", "sums"))

    assert code["stage"].to_list() == ["round_01", "round_02", "collected", "responses", "verified", "clean", "release"]
    assert sums["stage"].to_list() == ["responses", "verified", "clean", "release"]
    for told in (code, sums):
        assert (told["requested"] == told["accepted"] + told["rejected"] + told["failed"]).all()
        later = told.filter(~pl.col("stage").str.starts_with("round_"))
        assert later["requested"][1:].to_list() == later["accepted"][:-1].to_list()
    assert code["requested"][0] == 12
    assert code["requested"][1] == 2 * code["accepted"][0]
    assert sums["requested"][0] == len(SUMS)
    assert any([*code["failed"], *sums["failed"]])
    keys = {"round_01": stage_key(1, "accepted"), "round_02": stage_key(2, "accepted"), "collected": COLLECTED}
    keys |= {"responses": RESPONSES, "verified": VERIFIED, "clean": CLEAN}
    for row in code.iter_rows(named=True):
        if row["stage"] in keys:
            assert faulty.table(keys[row["stage"]], "code").height == row["accepted"]
    released = faulty.table(RELEASE, MAIN)
    assert released.height == code["accepted"][-1] + sums["accepted"][-1]
