"""Rounds in batch mode: the sensor fetches answers and starts the waiting runs again, until all is as live."""

from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import polars as pl
import pytest

from evergrow.assets.names import stage_key
from evergrow.resources.ledger import Ledger, State, Submission
from evergrow.resources.models import AWAITS, FRESH_SINCE
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.recipes import record
from evergrow.resources.registry.releases import set_wish
from evergrow.resources.settings.recipe import recipe_of
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform
from tests.sensors.conftest import look

BATCH_ROLES = {"generator": {"mode": "batch"}, "judge": {"mode": "batch"}}
ACCEPTED = stage_key(1, "accepted")
OWN = ("run_id",)


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint) -> Iterator[Platform]:
    """One round of two children each, all of it through the Batch API."""
    with dg.DagsterInstance.ephemeral() as instance:
        settings = {"evolution": {"rounds": 1, "children": 2, "margin": -10}, "roles": BATCH_ROLES}
        yield Platform(instance, {**LENIENT, **settings})


def tick(platform: Platform, sensor: str = "offline_batches") -> dg.SensorResult | dg.SkipReason:
    """One look of a sensor."""
    return look(platform, sensor)


def launch(platform: Platform, request: dg.RunRequest) -> str:
    """Run what a sensor asks for, as the daemon does; returns the words of its first failure."""
    assert request.job_name
    assert request.partition_key
    keys = list(request.asset_selection) if request.asset_selection else None
    tags = {**request.tags, "dagster/run_key": str(request.run_key)}
    return platform.run(request.job_name, request.partition_key, keys, tags)


def only_request(found: dg.SensorResult | dg.SkipReason) -> dg.RunRequest:
    """The one run that a tick asks for."""
    assert isinstance(found, dg.SensorResult), found
    (request,) = found.run_requests or ()
    return request


def table(platform: Platform, batch: str) -> pl.DataFrame:
    """What the round accepted and rejected, without what is a run's own."""
    return platform.table(ACCEPTED, batch, "all").drop(OWN)


def test_a_round_in_batch_mode_comes_to_the_same_rows_as_live(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    platform.register("b", 3)
    record(platform.registry, "batch", "b", recipe_of(platform.workspace.settings, "rounds"), "a test")
    assert platform.run("seeds", "b") == ""
    said = launch(platform, only_request(tick(platform, "advance")))
    assert "waiting for batch batch-0 (6 requests of evolution/round_01/instructions" in said
    (waiting,) = platform.instance.get_runs(dg.RunsFilter(job_name="round_01"))
    assert waiting.tags[AWAITS]
    assert "waits for a Batch API" in str(tick(platform, "advance"))

    fake_endpoint.control(batch_polls=1)
    still = tick(platform)
    assert isinstance(still, dg.SkipReason)
    assert "in_progress, 0 answered, 0 failed" in str(still)
    for asset in ("complexity", None):
        request = only_request(tick(platform))
        assert request.tags["evergrow/answered"] == "6 of 6 requests answered"
        assert only_request(tick(platform)).run_key == request.run_key
        said = launch(platform, request)
        assert (f"requests of evolution/round_01/{asset}" in said) if asset else said == ""
        fake_endpoint.control(batch_polls=0)
    assert str(tick(platform)) == "SkipReason(skip_message='nothing is handed in to a Batch API')"
    made = platform.instance.get_latest_materialization_event(stage_key(1, "instructions"))
    assert made is not None
    assert made.asset_materialization is not None
    figures = {k: v.value for k, v in made.asset_materialization.metadata.items() if k.startswith("batch_")}
    assert figures == {
        "batch_submissions": 1, "batch_requests": 6, "batch_answered": 6, "batch_failed": 0, "batch_usd": None,
    }  # fmt: skip
    assert fake_endpoint.stats()["requests"] == 0

    found = table(platform, "b").sort("id")
    live = platform.but(roles={}, home=platform.home.path.with_name("live"))
    live.register("b", 3)
    assert live.run("seeds", "b") == ""
    assert live.run("round_01", "b") == ""
    assert found.height == 6
    assert found.equals(table(live, "b").sort("id"))


def test_a_failed_batch_is_told_and_starts_nothing(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(batch_end="failed", batch_reason="Enqueued token limit reached for gpt-4o.")
    platform.register("b", 2)
    platform.run("seeds", "b")
    platform.run("round_01", "b")
    for _ in range(2):
        found = tick(platform)
        assert isinstance(found, dg.SkipReason)
        assert "Enqueued token limit reached for gpt-4o." in str(found)
        assert "evergrow run --batch b" in str(found)
    fake_endpoint.control(batch_end="completed")
    assert "batch-1" in platform.run("round_01", "b")
    assert only_request(tick(platform)).partition_key == "b"


def test_a_run_that_asked_anew_goes_on_with_new_answers(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    platform.register("b", 2)
    platform.run("seeds", "b")
    assert "waiting" in platform.run("round_01", "b", tags={FRESH_SINCE: "17.0"})
    request = only_request(tick(platform))
    assert request.tags[FRESH_SINCE] == "17.0"


def test_what_goes_on_where_a_run_is_deleted_names_the_owner_as_commands_do(platform: Platform) -> None:
    set_wish(platform.registry, "main", ["b", "t"], ["t"], 500)
    waiting = [("trust/judge", "m", "judge:m"), ("treesynth/samples", "s00|t", "t"), ("dataset/responses", "t", "t")]
    waiting.append(("dataset/verified", "other", "other"))
    with closing(Ledger.of(platform.settings)) as ledger:
        for asset, partition, batch in waiting:
            one = Submission(asset, State.FETCHED, "e", "judge", "m", "gone", asset, partition, batch, created_at=0.0)
            ledger.submissions.begin(one)

    said = str(tick(platform))

    # Whoever types it has the release made of all that it was to hold; what no release holds gets one of its own.
    assert "`evergrow release --batch b --tree t --rows 500` goes on" in said
    assert "`evergrow release --batch other --name other` goes on" in said

    assert "`evergrow judge calibrate --model m` goes on" in said
    assert "`evergrow tree grow t` goes on" in said


def test_an_answered_batch_starts_its_run_once(platform: Platform, fake_endpoint: FakeEndpoint) -> None:
    platform.register("b", 2)
    platform.run("seeds", "b")
    platform.run("round_01", "b")
    request = only_request(tick(platform))
    with lease(platform.registry, "b"):
        assert "batch 'b' is being run by" in launch(platform, request)
    found = tick(platform)
    assert isinstance(found, dg.SkipReason)
    assert "it went on once and ended in FAILURE" in str(found)
