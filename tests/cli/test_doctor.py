"""`evergrow doctor`: what evergrow depends on is tried at no cost, and each fault comes with its remedy."""

import os
from pathlib import Path
from typing import Any

import pytest

from evergrow.flows import checkup
from tests.cli.conftest import Evergrow, Said
from tests.conftest import FakeEndpoint


def of(said: Said, what: str) -> dict[str, Any]:
    return next(row for row in said.json if row["what"].startswith(what))


def test_a_sound_place_has_no_fault_and_nothing_that_costs_is_sent(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    fake_endpoint.control(listed=["model-1"])
    said = evergrow("doctor", "--json", "--set", "model=model-1")

    assert said.code == 0, said.out
    found = {row["what"]: row["state"] for row in said.json}
    wanted = ("versions", "settings", "home", "disk", "database", "Dagster's storage", "lake", "sandbox")
    assert [name for name in (*wanted, "embedding model") if name not in found] == []
    assert {found[name] for name in ("versions", "home", "database", "lake", "embedding model")} == {"ok"}
    assert found["endpoint 'default'"] == "ok"
    assert fake_endpoint.stats()["requests"] == 0
    assert all(row["remedy"] for row in said.json if row["state"] != "ok")
    assert "0 faults" in said.err
    assert "embedding model: all-MiniLM-L6-v2, 384 dimensions" in evergrow("doctor", "--set", "model=m").out


def test_the_password_in_the_lakes_url_is_not_shown(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    said = evergrow("doctor", "--json", "--set", "lake_url=memory://someone:pass-0123@store/lake")

    assert of(said, "lake")["found"].startswith("memory://")
    assert "pass-0123" not in said.out + said.err


def test_each_fault_is_named_with_its_remedy_and_hides_no_other(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(os.environ["EVERGROW_HOME"])
    fake_endpoint.control(listed=["model-1"])
    assert evergrow("status").code == 0
    (home / "ledger.sqlite").write_text("no database at all, but longer than a header is" * 10)
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no bubblewrap

    far = "{default: {}, far: {base_url: 'http://127.0.0.1:9/v1'}}"
    faulty = ("embedding.model=/nowhere/model", f"endpoints={far}", "roles.judge.endpoint=far")
    said = evergrow("doctor", "--json", *(word for one in faulty for word in ("--set", one)))

    assert said.code == 1
    assert "evergrow restore" in of(said, "database")["remedy"]
    assert of(said, "sandbox")["state"] == "warning"
    assert "bubblewrap is not installed" in of(said, "sandbox")["found"]
    assert "/nowhere/model" in of(said, "embedding model")["found"]
    assert of(said, "endpoint 'far'")["state"] == "fault"
    assert "check base_url" in of(said, "endpoint 'far'")["remedy"]
    assert of(said, "endpoint 'default'")["state"] == "ok"
    assert all(row["remedy"] for row in said.json if row["state"] != "ok")


def test_a_key_that_is_refused_and_a_model_that_is_not_listed(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_endpoint.control(listed=["model-1", "model-2"], key="sk-test-0123456789")
    other = [row for row in evergrow("doctor", "--json", "--set", "model=modle-1").json if "endpoint" in row["what"]]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    refused = evergrow("doctor", "--json")
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    embedded = evergrow("doctor", "--json")

    assert [row["state"] for row in other] == ["ok", "warning"]
    assert "did you mean 'model-1'" in other[1]["found"]
    assert of(refused, "endpoint")["state"] == "fault"
    assert "OPENAI_API_KEY" in of(refused, "endpoint")["remedy"]
    assert "its weights are whole" in of(embedded, "endpoint")["found"]


def test_a_home_that_cannot_be_written_and_a_full_disk(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(checkup, "SCARCE", 2**60)

    said = evergrow("doctor", "--json")

    assert said.code == 1
    assert "EVERGROW_HOME" in of(said, "home")["remedy"]
    assert of(said, "disk")["state"] == "fault"
    assert [row for row in said.json if row["what"] == "lake" or str(tmp_path / "file") in row["found"]] == [
        of(said, "home")
    ]
    assert evergrow("doctor", "--write").code == 2


def test_a_database_that_lets_nobody_in_is_no_case_for_a_backup(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint
) -> None:
    url = "postgresql+psycopg://someone:pass-0123@127.0.0.1:9/ledger"
    found = of(evergrow("doctor", "--json", "--set", f"ledger_url={url}"), "database")

    assert (found["state"], found["remedy"]) == ("fault", checkup.CONNECT)
    assert "pass-0123" not in found["found"]


def test_a_base_url_that_is_none_is_what_the_remedy_names(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "notaurl")
    found = of(evergrow("doctor", "--json"), "endpoint")

    assert found["state"] == "fault"
    assert found["remedy"].startswith("set OPENAI_BASE_URL to a URL, or endpoints.default.base_url")
    assert "OPENAI_API_KEY" not in found["remedy"]


def test_an_endpoint_that_lists_no_models_is_a_warning(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(listed=[])
    found = of(evergrow("doctor", "--json", "--set", "model=model-1"), "endpoint")

    assert found["state"] == "warning"
    assert "lists 0 models: model-1 cannot be seen" in found["found"]
    assert "evergrow doctor --endpoint default" in found["remedy"]
