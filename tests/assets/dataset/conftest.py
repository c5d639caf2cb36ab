"""One home for all tests of a module, with an endpoint of its own: what one test has made, the next may read."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, Platform, share_vectors
from tests.samples import TASKS


@pytest.fixture(scope="module")
def endpoint() -> Iterator[FakeEndpoint]:
    endpoint = FakeEndpoint()
    yield endpoint
    endpoint.kill()


@pytest.fixture(scope="module")
def platform(
    endpoint: FakeEndpoint, known_vectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """One round of two children each, sums and quizzes, and gates that a fake judge and few rows can pass."""
    settings = {
        "home": str(tmp_path_factory.mktemp("home")),
        "gates": {**LENIENT["gates"], "responses": {"max_failed_share": 0.5}},
        "evolution": {"rounds": 1, "children": 2, "margin": -10},
        "answers": {"tasks": TASKS},
        "endpoints": {"default": {"attempts": 2}},
    }
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("OPENAI_BASE_URL", endpoint.url)
        patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
        platform = Platform(instance, settings)
        share_vectors(known_vectors, platform.home.lake)
        yield platform


@pytest.fixture(autouse=True)
def _environment(endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch, _own_environment: None) -> None:
    endpoint.control(share={}, first={}, only="")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
