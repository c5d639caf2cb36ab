from importlib.metadata import version

from tests.cli.conftest import Evergrow


def test_config_shows_what_is_set_and_where(evergrow: Evergrow) -> None:
    said = evergrow("config", "show", "--changed", "--set", "evolution.beam=0.25", "--json")

    assert said.code == 0
    assert {"setting": "evolution.beam", "value": "0.25", "from": "--set"} in said.json
    assert all(row["from"] != "default" for row in said.json)


def test_the_version_is_said(evergrow: Evergrow) -> None:
    said = evergrow("--version")

    assert (said.code, said.out.strip()) == (0, f"evergrow {version('evergrow')}")
