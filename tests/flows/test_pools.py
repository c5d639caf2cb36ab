"""The limits of pools are there before runs are, whoever starts them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import dagster as dg
import yaml

from evergrow.flows.frontier import tables_of
from evergrow.flows.pools import POOLS, make_pools
from tests.resources.conftest import postgres_url
from tests.test_two_homes import empty_databases, home_on

assert postgres_url  # fixtures


def test_the_limits_of_all_pools_are_made_once_by_who_launches_and_a_limit_of_ones_own_stays(tmp_path: Path) -> None:
    limits = {"concurrency": {"pools": {"default_limit": 8}}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(limits))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("gpu", 1)
        make_pools(instance)
        make_pools(instance)

        assert storage.get_concurrency_keys() == set(POOLS)
        assert storage.get_concurrency_info("gpu").limit == 1
        assert storage.get_concurrency_info("llm").limit == 8
    assert {table.asset.op.pool for table in tables_of(1, 1, 1).values()} - {None} == set(POOLS)


def test_where_there_is_no_limit_none_is_made() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        make_pools(instance)

        assert instance.event_log_storage.get_concurrency_keys() == set()


def test_processes_that_make_them_at_the_same_moment_all_go_on(postgres_url: str, tmp_path: Path) -> None:
    """Workers that each run a command begin on an instance that has had no run yet."""
    home_on(empty_databases(postgres_url), tmp_path)
    barrier = Barrier(4)

    def begin(_: int) -> set[str]:
        with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
            instance.event_log_storage.get_concurrency_keys()  # it is open
            barrier.wait()
            make_pools(instance)
            return instance.event_log_storage.get_concurrency_keys()

    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")), ThreadPoolExecutor(4) as workers:
        assert list(workers.map(begin, range(4))) == [set(POOLS)] * 4
