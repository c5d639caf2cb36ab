from pathlib import Path

import pytest

from evergrow.resources.settings.origins import origins


def told(overrides: dict[str, object] | None = None) -> dict[str, tuple[object, str]]:
    return {one.path: (one.value, one.source) for one in origins(overrides)}


def test_each_value_names_the_source_that_gave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "evergrow.yaml"
    file.write_text("evolution: {beam: 0.5, rounds: 4}\nprices: {m: {input: 1, output: 2}}\n")
    monkeypatch.setenv("EVERGROW_CONFIG", str(file))
    monkeypatch.setenv("EVERGROW_EVOLUTION__ROUNDS", "5")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    found = told({"evolution": {"children": 2}})

    assert found["evolution.children"] == (2, "--set")
    assert found["evolution.rounds"] == (5, "EVERGROW_EVOLUTION__ROUNDS")
    assert found["evolution.beam"] == (0.5, f"{file}:1")
    assert found["prices.m.input"] == (1.0, f"{file}:2")
    assert found["evolution.margin"][1] == "default"


def test_the_profile_of_the_embedded_model_is_a_source() -> None:
    assert told()["evolution.margin"] == (-10.0, "profile of the embedded model")


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_LEDGER_URL", "postgresql+psycopg://eve:secret-word@db/evergrow")

    value, source = told()["ledger_url"]

    assert (value, source) == ("postgresql+psycopg://eve:***@db/evergrow", "EVERGROW_LEDGER_URL")
