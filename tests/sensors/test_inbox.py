"""The sensor of the inbox: files become batches, and batches are loaded."""

from pathlib import Path

import dagster as dg
import polars as pl

from evergrow.assets.names import BATCHES_NAME, SEEDS
from evergrow.flows.runs import of_this_process
from evergrow.resources.host.dagster_private import RUN_KEY_TAG
from tests.platform import Platform, functions
from tests.sensors.conftest import keys, look, reason, requested
from tests.sensors.test_advance import begun


def drop(platform: Platform, name: str, seeds: int = 3) -> Path:
    path = platform.home.inbox / name
    functions(seeds).frame.select("content", id=pl.col("seed_id")).write_ndjson(path)
    return path


def added(found: dg.SensorResult | dg.SkipReason) -> list[str]:
    assert isinstance(found, dg.SensorResult), found
    return [key for request in found.dynamic_partitions_requests or () for key in request.partition_keys]


def load(platform: Platform, found: dg.SensorResult | dg.SkipReason) -> None:
    """Do what the daemon does with what the sensor returned."""
    platform.instance.add_dynamic_partitions(BATCHES_NAME, added(found))
    for batch in requested(found):
        assert platform.run("seeds", batch) == ""


def test_an_empty_inbox_says_where_it_is(platform: Platform) -> None:
    assert reason(look(platform, "inbox")) == f"no new file in {platform.home.inbox}"


def test_a_file_becomes_a_batch_that_is_loaded(platform: Platform) -> None:
    dropped = drop(platform, "first.jsonl")

    found = look(platform, "inbox")

    assert added(found) == ["first"]
    assert requested(found) == {"first": None}  # the sensor has one job
    assert not dropped.exists()
    load(platform, found)
    assert platform.table(SEEDS, "first").height == 3
    assert "no new file" in reason(look(platform, "inbox"))


def test_a_look_that_was_lost_is_repeated_with_the_same_key(platform: Platform) -> None:
    drop(platform, "first.jsonl")

    assert keys(look(platform, "inbox")) == keys(look(platform, "inbox"))


def test_the_same_file_again_is_the_same_batch(platform: Platform) -> None:
    drop(platform, "first.jsonl")
    load(platform, look(platform, "inbox"))

    drop(platform, "first.jsonl")

    assert "is batch 'first'" in reason(look(platform, "inbox"))
    assert platform.instance.get_dynamic_partitions(BATCHES_NAME) == ["first"]


def test_other_seeds_under_the_same_name_are_a_batch_of_their_own(platform: Platform) -> None:
    drop(platform, "first.jsonl")
    load(platform, look(platform, "inbox"))

    drop(platform, "first.jsonl", seeds=4)
    drop(platform, "second.jsonl", seeds=2)

    assert added(look(platform, "inbox")) == ["first-2", "second"]


def test_a_bad_file_is_set_aside_and_the_tick_says_why(platform: Platform) -> None:
    (platform.home.inbox / "bad.jsonl").write_text('{"id": "a", "text": "no content"}\n')

    said = reason(look(platform, "inbox"))

    assert "rejected" in said
    assert "content" in said
    rejected = platform.home.inbox / "rejected" / "bad.jsonl"
    assert rejected.is_file()
    assert "content" in rejected.with_name("bad.jsonl.error.txt").read_text()
    assert "no new file" in reason(look(platform, "inbox"))


def test_a_bad_file_does_not_keep_a_good_one_waiting(platform: Platform) -> None:
    (platform.home.inbox / "bad.jsonl").write_text("not JSON")
    drop(platform, "good.jsonl")

    assert added(look(platform, "inbox")) == ["good"]


def test_a_batch_that_the_command_registered_is_loaded_too(platform: Platform) -> None:
    platform.register("b", 3)

    assert requested(look(platform, "inbox")) == {"b": None}


def test_seeds_that_were_replaced_are_loaded_again_even_if_they_had_been_there_before(platform: Platform) -> None:
    seen = []
    for seeds in (3, 4, 3):
        platform.register("b", seeds)
        found = look(platform, "inbox")
        seen += keys(found)
        load(platform, found)
        assert platform.table(SEEDS, "b").height == seeds

    assert len(set(seen)) == 3


def test_a_batch_that_is_being_worked_on_is_not_loaded_meanwhile(platform: Platform) -> None:
    platform.register("b", 3)
    begun(platform, of_this_process())

    assert "no new file" in reason(look(platform, "inbox"))


def test_seeds_that_were_wiped_load_again(platform: Platform) -> None:
    drop(platform, "first.jsonl")
    keys_seen: list[str | None] = []
    for _ in range(3):
        found = look(platform, "inbox")
        assert isinstance(found, dg.SensorResult), found
        (request,) = found.run_requests or ()
        keys_seen.append(request.run_key)
        platform.instance.create_run_for_job(
            platform.definitions.resolve_job_def("seeds"),
            tags={**request.tags, RUN_KEY_TAG: str(request.run_key)},
            status=dg.DagsterRunStatus.SUCCESS,
        )
        load(platform, found)
        assert "no new file" in reason(look(platform, "inbox"))
        platform.instance.wipe_assets([SEEDS])
    assert len(set(keys_seen)) == 3
