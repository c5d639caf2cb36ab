"""The world fails while a batch grows: nothing is lost, nothing is paid twice, and the rows are those of a calm day."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import dagster as dg
import polars as pl
import pytest
import yaml

from evergrow.assets.names import COLLECTED
from evergrow.resources.lake import remote
from evergrow.resources.lake.remote import OPTIONS
from tests.conftest import FakeEndpoint
from tests.object_store import BUCKET, ObjectStore, Proxy, forget_clients, variables
from tests.platform import LENIENT, Platform
from tests.resources.conftest import postgres_url
from tests.resources.ledger.test_restart import end_connections
from tests.test_two_homes import databases

assert postgres_url  # fixtures
assert databases

AT_ONCE = 2
SETTINGS = {
    **LENIENT,
    "evolution": {"rounds": 1, "children": 2, "margin": -10},
    "endpoints": {"default": {"concurrency": AT_ONCE}},
}
JOBS = ("seeds", "round_01", "collected")
OF_A_RUN = ("run_id", "call_id", "judge_call_id")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What stands before an empty object store, without faults yet."""
    pytest.importorskip("s3fs")
    store = ObjectStore()
    started = Proxy(store.url, slow_s=2.0)
    for name, value in variables(started.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote, "PAUSE_S", 0.01)
    monkeypatch.setitem(OPTIONS["s3"]["config_kwargs"], "read_timeout", 1)
    forget_clients()
    yield started
    started.close()
    store.close()
    forget_clients()


def test_a_batch_grows_on_an_object_store_that_fails_in_every_way(
    proxy: Proxy, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_LAKE_URL", f"s3://{BUCKET}/evergrow")
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(instance, SETTINGS)
        platform.register("b", 3)
        for job in JOBS:
            faults = {("PUT", "500"): 2, ("PUT", "torn"): 2, ("GET", "cut"): 2, ("GET", "slow"): 1, ("HEAD", "500"): 2}
            proxy.faults.update(faults)
            assert platform.run(job, "b") == "", job
        assert not proxy.faults["PUT", "torn"]
        far = platform.table(COLLECTED, "b")
        stats = fake_endpoint.stats()
    assert stats["repeated"] == 0
    assert stats["requests"] > 0
    assert same(far, calm(monkeypatch))


def test_a_store_that_is_down_ends_a_run_by_name_and_what_was_paid_for_is_there_when_it_is_back(
    proxy: Proxy, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_LAKE_URL", f"s3://{BUCKET}/evergrow")
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(instance, SETTINGS)
        platform.register("b", 3)
        assert platform.run("seeds", "b") == ""
        proxy.faults["PUT", "500"] = 100_000

        assert f"s3://{BUCKET}" in platform.run("round_01", "b")

        proxy.faults.clear()
        for job in JOBS[1:]:
            assert platform.run(job, "b") == "", job
        far = platform.table(COLLECTED, "b")
        assert fake_endpoint.stats()["repeated"] == 0
    assert same(far, calm(monkeypatch))


def test_a_batch_goes_on_when_the_databases_restart_amid_its_round(
    databases: dict[str, str], fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVERGROW_LEDGER_URL", databases["two_homes"])
    url = databases["two_homes_dagster"].replace("+psycopg:", "+psycopg2:")
    storage = {"postgres": {"postgres_url": url}}
    with dg.DagsterInstance.from_config(configured(tmp_path, storage)) as instance:
        platform = Platform(instance, SETTINGS)
        platform.register("b", 6)
        assert platform.run("seeds", "b") == ""
        fake_endpoint.control(latency=0.1)

        restart = Thread(target=restart_after, args=(fake_endpoint, 5, databases["two_homes"]))
        restart.start()
        first = platform.run("round_01", "b")
        restart.join()

        assert fake_endpoint.stats()["requests"] >= 5
        if first:  # it ended in words of what failed, and is asked again
            assert "database" in first or "connection" in first
            assert platform.run("round_01", "b") == ""
        assert platform.run("collected", "b") == ""
        far = platform.table(COLLECTED, "b")
        assert fake_endpoint.stats()["repeated"] <= AT_ONCE  # what was in flight
    assert same(far, calm(monkeypatch, 6))


def restart_after(endpoint: FakeEndpoint, requests: int, url: str) -> None:
    """End every connection of the server once so many requests were asked, as a restart does."""
    deadline = time.monotonic() + 240
    while endpoint.stats()["requests"] < requests and time.monotonic() < deadline:
        time.sleep(0.02)
    end_connections(url)


def configured(home: Path, storage: object) -> str:
    """A Dagster home with this storage."""
    (home / "dagster.yaml").write_text(yaml.safe_dump({"storage": storage, "telemetry": {"enabled": False}}))
    return str(home)


def calm(monkeypatch: pytest.MonkeyPatch, seeds: int = 3) -> pl.DataFrame:
    """The same batch on a day on which nothing fails, on this machine alone."""
    for name in ("EVERGROW_LAKE_URL", "EVERGROW_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(instance, SETTINGS)
        platform.register("b", seeds)
        for job in JOBS:
            assert platform.run(job, "b") == "", job
        return platform.table(COLLECTED, "b")


def same(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two tables hold the same rows, but for which run and request made them."""
    columns = [name for name in one.columns if name not in OF_A_RUN]
    return one.select(columns).sort("id").equals(other.select(columns).sort("id")) and not one.is_empty()
