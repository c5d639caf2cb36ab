"""What the UI's page of resources shows, and what a run is given."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from evergrow.flows.frontier import frontier_of
from evergrow.resources.dagster_resources import Project, resources
from evergrow.resources.embedding.embedder import Embedders
from evergrow.resources.host.home import Home
from evergrow.resources.lake.lake import Lake
from evergrow.resources.ledger import Ledger
from evergrow.resources.models import Models
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import load_settings

SETTINGS: dict[str, Any] = {
    "model": "gpt-small",
    "roles": {"judge": {"model": "gpt-large", "endpoint": "other"}},
    "endpoints": {"default": {}, "other": {"base_url": "http://user:secret-word@127.0.0.1:9/v1?key=secret-word"}},
    "sandbox": {"memory_mb": 256},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-word")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://someone:secret-word@127.0.0.1:8/v1")
    monkeypatch.setenv("EVERGROW_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    settings = load_settings({**SETTINGS, "home": str(tmp_path / "home")})
    return Project(settings, frontier_of(settings))


def shown(project: Project) -> dict[str, Any]:
    """The fields of all resources, as the UI gets them."""
    definitions = dg.Definitions(resources=resources(project))
    found = definitions.get_repository_def().get_top_level_resources()
    return {name: found[name].config_schema.default_value for name in resources(project) if name != "places"}


def test_the_models_are_shown_by_role_and_the_endpoints_by_their_urls(project: Project) -> None:
    models = shown(project)["models"]

    assert models["roles"]["judge"].startswith("gpt-large (temperature 0,")
    assert models["roles"]["judge"].endswith("at other")
    assert "gpt-small" in models["roles"]["generator"]
    assert models["endpoints"] == {"default": "http://127.0.0.1:8/v1", "other": "http://127.0.0.1:9/v1"}


def test_stores_embedder_and_sandbox_are_shown(project: Project, tmp_path: Path) -> None:
    found = shown(project)

    assert found["lake"]["url"] == found["io_manager"]["url"] == str(tmp_path / "home" / "lake")
    assert found["ledger"]["url"] == f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    assert found["embedders"]["model"] == "all-MiniLM-L6-v2"
    assert found["sandbox"]["memory_mb"] == 256
    assert found["home"]["folder"] == str(tmp_path / "home")


def test_no_secret_is_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_LEDGER_URL", "postgresql+psycopg://eve:secret-word@db/evergrow")
    monkeypatch.setenv("EVERGROW_LAKE_URL", "s3://key:secret-word@bucket/lake")
    settings = load_settings(SETTINGS)
    other = Project(settings, project.guard)

    assert "secret-word" not in str([shown(project), shown(other)])
    assert "eve" in shown(other)["ledger"]["url"]


def test_an_endpoint_without_a_key_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")

    assert "needs a key" in shown(project)["models"]["endpoints"]["default"]


def test_every_resource_has_a_description_and_none_is_a_function(project: Project) -> None:
    found = dg.Definitions(resources=resources(project)).get_repository_def().get_top_level_resources()

    for name in resources(project):
        assert found[name].description
        assert name == "places" or found[name].config_schema.default_value


@dg.asset
def all_of_them(
    home: dg.ResourceParam[Home],
    lake: dg.ResourceParam[Lake],
    ledger: dg.ResourceParam[Ledger],
    models: dg.ResourceParam[Models],
    embedders: dg.ResourceParam[Embedders],
    sandbox: dg.ResourceParam[Sandbox | SandboxUnavailable],
) -> pl.DataFrame:
    kinds = [type(one).__name__ for one in (home, lake, ledger, models, embedders, sandbox)]
    return pl.DataFrame({"kind": kinds, "calls": ledger.costs.spent("nobody").calls})


def test_assets_are_given_the_things_themselves(project: Project) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([all_of_them], resources=resources(project), instance=instance).success
        made = Lake.of(project.settings, project.guard).scan(instance, all_of_them.key, None, guarded=False).collect()

    assert made["kind"][:5].to_list() == ["Home", "Lake", "Ledger", "Models", "Embedders"]


def test_a_launchpad_that_changes_a_field_is_refused_by_name(project: Project) -> None:
    config = {**shown(project)["embedders"], "model": "another"}
    changed = {"resources": {"embedders": {"config": config}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [all_of_them], resources=resources(project), run_config=changed, instance=instance, raise_on_error=False
        )
        said = str([entry.dagster_event for entry in instance.all_logs(result.run_id) if entry.dagster_event])

    assert not result.success
    assert "EmbeddersResource: a launchpad cannot change model" in said
