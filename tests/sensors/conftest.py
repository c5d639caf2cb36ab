from collections.abc import Iterator

import dagster as dg
import pytest

from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform


@pytest.fixture
def platform(fake_endpoint: FakeEndpoint) -> Iterator[Platform]:
    """Two rounds of two children each, against the fake endpoint, with gates that its scores can pass."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(instance, {**LENIENT, "evolution": {"rounds": 2, "children": 2, "margin": -10}})
