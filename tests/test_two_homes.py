"""Two machines that share nothing but databases and the lake: what one has begun, the other goes on with."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from evergrow.cli.main import main
from tests.conftest import ROOT, FakeEndpoint
from tests.platform import LENIENT, functions
from tests.resources.conftest import postgres_url

assert postgres_url  # a fixture

SETTINGS = {**LENIENT, "evolution": {"rounds": 2, "children": 2, "margin": -10}}


@pytest.fixture
def databases(postgres_url: str) -> dict[str, str]:
    """An empty database each for evergrow and for Dagster, on one server."""
    pytest.importorskip("dagster_postgres")
    return empty_databases(postgres_url)


def empty_databases(server: str) -> dict[str, str]:
    """The URLs, by name, of an empty database each for evergrow and for Dagster on the server at this URL."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    names = ("two_homes", "two_homes_dagster")
    with engine.connect() as connection:
        for name in names:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return {name: server.replace("/postgres?", f"/{name}?") for name in names}


def home_on(databases: dict[str, str], home: Path) -> Path:
    """A home that has nothing but Dagster's configuration of deploy/, on the server of the test."""
    instance = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
    url = databases["two_homes_dagster"].replace("+psycopg:", "+psycopg2:")
    instance["storage"] = {"postgres": {"postgres_url": url}}  # the server has no port
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(instance))
    return home


def test_a_batch_goes_on_from_another_home_when_the_first_is_gone(
    databases: dict[str, str],
    fake_endpoint: FakeEndpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evergrow.yaml").write_text(yaml.safe_dump(SETTINGS))
    functions(3).frame.select("content").write_ndjson(tmp_path / "seeds.jsonl")
    monkeypatch.setenv("EVERGROW_CONFIG", str(tmp_path / "evergrow.yaml"))
    monkeypatch.setenv("EVERGROW_LEDGER_URL", databases["two_homes"])
    monkeypatch.setenv("EVERGROW_LAKE_URL", str(tmp_path / "lake"))

    def at(name: str) -> Path:
        home = home_on(databases, tmp_path / name)
        monkeypatch.setenv("EVERGROW_HOME", str(home))
        return home

    first = at("first")
    assert main(["seeds", "add", str(tmp_path / "seeds.jsonl"), "--batch", "b"]) == 0
    assert main(["run", "--batch", "b", "--rounds", "1"]) == 0
    asked = fake_endpoint.stats()["requests"]
    assert asked > 0
    shutil.rmtree(first)

    second = at("second")
    assert main(["run", "--batch", "b", "--rounds", "1"]) == 0
    assert fake_endpoint.stats()["requests"] == asked
    assert main(["run", "--batch", "b", "--rounds", "2"]) == 0
    assert fake_endpoint.stats()["requests"] > asked
    assert fake_endpoint.stats()["repeated"] == 0
    capsys.readouterr()
    assert main(["table", "evolution/collected", "--partition", "b", "--json"]) == 0
    assert '"round": 1' in capsys.readouterr().out
    held = {path.name for path in second.rglob("*") if path.suffix in {".sqlite", ".parquet", ".arrow", ".db"}}
    assert held == set()
