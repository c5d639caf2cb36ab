"""What runs need is there before a sensor lets them go."""

from pathlib import Path

import dagster as dg
import yaml

from evergrow.flows.frontier import tables_of
from evergrow.sensors.result import POOLS, make_pools


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
