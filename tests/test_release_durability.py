"""A release that is killed while samples are being answered: it goes on, ends alike, and nothing is paid twice."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
import yaml

from evergrow.assets.names import CLEAN, MAIN, RELEASE, RESPONSES, VERIFIED
from evergrow.cli.main import main
from evergrow.flows.runs import UNFINISHED
from evergrow.resources.host.home import Home
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger
from tests.command import started, until
from tests.conftest import FakeEndpoint
from tests.platform import Platform, share_vectors
from tests.samples import PLAIN, SUMS, TASKS, instructions
from tests.world.zygote import Zygote

AT_ONCE = 4  # requests in flight
SETTINGS = {"answers": {"tasks": TASKS, "votes": 3}, "endpoints": {"default": {"concurrency": AT_ONCE}}}
COMMAND = ("release", "--batch", "b", "--as-is")
REQUESTS = 3 * len(SUMS) + len(PLAIN)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint()
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    yield endpoint
    endpoint.kill()


def begin(folder: Path, known_vectors: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the batch `b`, which commands then work on."""
    monkeypatch.setenv("EVERGROW_HOME", str(folder / "home"))
    share_vectors(known_vectors, Home(folder / "home").ensure().lake)
    with dg.DagsterInstance.from_config(str(folder / "home" / "dagster")) as instance:
        platform = Platform(instance, {})
        platform.register("b", instructions([*SUMS, *PLAIN], domain=["sums"] * len(SUMS) + ["general"] * len(PLAIN)))
    return folder


def tables(folder: Path) -> list[pl.DataFrame]:
    """Every table of the dataset, all rows. Which run made a row is left out: it tells one history from another."""
    with dg.DagsterInstance.from_config(str(folder / "home" / "dagster")) as instance:
        platform = Platform(instance, {})
        assert not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        keys = ((RESPONSES, "b"), (VERIFIED, "b"), (CLEAN, "b"), (RELEASE, MAIN))
        found = [platform.table(key, batch, rows="all") for key, batch in keys]
    return [table.drop("response_run_id", "draws", strict=False) for table in found]


def test_a_release_killed_amid_its_answers_ends_as_if_it_had_not_been(
    endpoint: FakeEndpoint, known_vectors: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, zygote: Zygote
) -> None:
    whole = begin(tmp_path / "whole", known_vectors, monkeypatch)
    assert main(COMMAND) == 0
    expected = tables(whole)
    assert endpoint.stats()["requests"] == REQUESTS
    endpoint.control(reset=True, latency=0.3)
    broken = begin(tmp_path / "broken", known_vectors, monkeypatch)

    with closing(Ledger.open(f"sqlite:///{broken / 'home' / 'ledger.sqlite'}")) as ledger:
        with started(*COMMAND, folder=broken, zygote=zygote) as command:
            command.when(
                lambda: ledger.costs.spent("b").calls >= AT_ONCE and endpoint.stats()["in_flight"] > 0, signal.SIGKILL
            )
            assert command.wait() == -signal.SIGKILL
        until(lambda: endpoint.stats()["in_flight"] == 0, lambda: "the endpoint never came to rest")
        saved, asked = ledger.costs.spent("b").calls, endpoint.stats()["requests"]
        with dg.DagsterInstance.from_config(str(broken / "home" / "dagster")) as instance:
            assert latest_materialization(instance, RESPONSES, "b") is None
        assert AT_ONCE <= saved <= asked < REQUESTS
        assert asked - saved <= 2 * AT_ONCE  # on their way, or answered and being written
        endpoint.control(latency=0)

        assert main(COMMAND) == 0

        stats = endpoint.stats()
        assert (stats["repeated"], stats["distinct"]) == (asked - saved, REQUESTS)
        assert ledger.costs.spent("b").calls == REQUESTS
    for found, table in zip(tables(broken), expected, strict=True):
        assert found.equals(table)
