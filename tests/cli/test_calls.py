"""`evergrow calls` and `evergrow doctor`: what was sent, what came back, what fits an endpoint."""

import json
from pathlib import Path

from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint

KEY = "sk-test-0123456789"


def test_calls_show_what_failed_and_what_helps(
    evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint
) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    fake_endpoint.control(share={"422": 1.0}, error_message="temperature must be between 0 and 1")
    failed = evergrow("run", "--batch", "b", "--rounds", 1)
    asked = fake_endpoint.stats()["requests"]

    rows = evergrow("calls", "--batch", "b", "--errors", "--json").json
    one = evergrow("calls", rows[0]["call"], "--json").json
    drawn = evergrow("calls", rows[0]["call"])

    assert failed.code == 1
    assert "temperature must be between 0 and 1" in failed.err
    assert {(row["class"], row["url"]) for row in rows} == {("rejected", fake_endpoint.url)}
    assert all("temperature to null" in row["remedy"] for row in rows)
    assert one["request"]["messages"][-1]["role"] == "user"
    assert one["reply"] is None
    assert "remedy: set roles.generator.temperature" in drawn.out.replace("\n", " ")
    assert KEY not in json.dumps([rows, one]) + drawn.out
    assert fake_endpoint.stats()["requests"] == asked


def test_a_call_that_is_not_there_is_said(evergrow: Evergrow) -> None:
    said = evergrow("calls", "nosuch")

    assert said.code == 2
    assert "no call 'nosuch'" in said.err
    assert evergrow("calls", "--json").json == []
    assert evergrow("calls", "--batch", "a", "--tree", "b").code == 2
    for kind in ("batch", "tree"):
        said = evergrow("calls", f"--{kind}", "nosuch")
        assert (said.code, said.out) == (2, "")
        assert f"unknown {kind} 'nosuch'" in said.err


def test_the_cost_has_a_total(grown: Evergrow) -> None:
    grown("run", "--batch", "b", "--rounds", 1)
    rows = grown("cost", "--json").json

    assert "total" in grown("cost").out
    assert all("estimated_tokens" in row for row in rows)


def test_doctor_finds_the_settings_that_fit_and_writes_them_when_asked(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    refusals = ["no_max_tokens", "no_seed", "no_json_schema"]
    settings = tmp_path / "evergrow.yaml"
    settings.write_text("# ours\nmodel: model-1  # the one\n")

    fake_endpoint.control(quirks=[*refusals, "usage_zero"])
    looked = evergrow("doctor", "--endpoint", "default")
    before = settings.read_text()
    fake_endpoint.control(quirks=[*refusals, "think_tags"])
    told = evergrow("doctor", "--endpoint", "default", "--json", "--write").json

    assert looked.code == 0
    assert "sends 3 small requests" in looked.err
    assert before == "# ours\nmodel: model-1  # the one\n"
    assert told["settings"] == {"answers": "json_object", "token_limit": "max_completion_tokens", "send_seed": False}
    found = {row["what"]: row["found"] for row in told["findings"]}
    assert "not told" in looked.out
    assert found["usage"] == "told"
    assert "thinks" in found["thinking"]
    written = settings.read_text()
    assert written.startswith("# ours\nmodel: model-1  # the one\n")
    assert "token_limit: max_completion_tokens" in written
    assert fake_endpoint.stats()["requests"] <= 14
    assert "the settings fit" in evergrow("doctor", "--endpoint", "default").err


def test_doctor_names_an_endpoint_that_cannot_be_used(evergrow: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    fake_endpoint.control(share={"404": 1.0})

    assert "check the model's name" in evergrow("doctor", "--endpoint", "default").err
    assert "no endpoint 'nosuch'" in evergrow("doctor", "--endpoint", "nosuch").err
