from collections.abc import Iterator

import dagster as dg
import pytest

from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform

EVOLUTION = {"rounds": 2, "children": 2, "margin": -10}


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint, vectors_at_hand: None) -> Iterator[Platform]:
    """Two rounds of two children each, against the fake endpoint, with gates that its scores can pass."""
    settings = {**LENIENT, "evolution": EVOLUTION, "sensors": {"inbox_settle_s": 0.0}}
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(instance, settings)


def look(platform: Platform, sensor: str) -> dg.SensorResult | dg.SkipReason:
    """What the sensor says of the platform as it is now; it goes on from where its last look ended."""
    definitions = platform.definitions
    needed = {name: (definitions.resources or {})[name] for name in ("home", "registry", "ledger")}
    with dg.build_sensor_context(
        instance=platform.instance,
        definitions=definitions,
        resources=needed,
        sensor_name=sensor,
        cursor=platform.cursors.get(sensor),
    ) as context:
        found = definitions.resolve_sensor_def(sensor)(context)
        if context.cursor:
            platform.cursors[sensor] = context.cursor
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def requested(found: dg.SensorResult | dg.SkipReason) -> dict[str, str | None]:
    """The job that is to be run for each batch."""
    assert isinstance(found, dg.SensorResult), found
    return {str(run.partition_key): run.job_name for run in found.run_requests or ()}


def keys(found: dg.SensorResult | dg.SkipReason) -> list[str | None]:
    """The keys of the runs that are to be launched."""
    assert isinstance(found, dg.SensorResult), found
    return [run.run_key for run in found.run_requests or ()]


def reason(found: dg.SensorResult | dg.SkipReason) -> str:
    """Why nothing is to be run."""
    assert isinstance(found, dg.SkipReason), found
    return found.skip_message or ""
