import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Evergrow


def test_config_shows_what_is_set_and_where(evergrow: Evergrow) -> None:
    said = evergrow("config", "show", "--changed", "--set", "evolution.beam=0.25", "--json")

    assert said.code == 0
    assert {"setting": "evolution.beam", "value": "0.25", "from": "--set"} in said.json
    assert all(row["from"] != "default" for row in said.json)


def test_the_version_is_said(evergrow: Evergrow) -> None:
    said = evergrow("--version")

    assert (said.code, said.out.strip()) == (0, f"evergrow {version('evergrow')}")


def test_each_source_is_named_down_to_the_line(
    evergrow: Evergrow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evergrow.yaml").write_text("model: a\nevolution:\n  # so few\n  rounds: 2\n  beam: 0.5\n")
    (tmp_path / ".env").write_text("EVERGROW_EVOLUTION__MARGIN=0.25\nOPENAI_API_KEY=sk-very-secret-0123456789\n")
    for name in ("EVERGROW_EVOLUTION__MARGIN", "OPENAI_API_KEY"):  # what `.env` sets must not outlive the test
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    monkeypatch.setenv("EVERGROW_LEDGER_URL", "sqlite:///ledger.sqlite?password=hidden")

    said = evergrow("config", "show", "--set", "evolution.beam=0.25", "--json")

    found = {row["setting"]: (row["value"], row["from"]) for row in said.json}
    file = tmp_path / "evergrow.yaml"
    assert found["evolution.rounds"] == ("2", f"{file}:4")
    assert found["evolution.beam"] == ("0.25", "--set")
    assert found["evolution.margin"] == ("0.25", "EVERGROW_EVOLUTION__MARGIN (.env)")
    assert found["evolution.beam_scope"][1] == "default"
    assert found["ledger_url"] == ("sqlite:///ledger.sqlite?password=***", "EVERGROW_LEDGER_URL")
    assert found["OPENAI_API_KEY"] == ("***", "OPENAI_API_KEY (.env)")
    assert "very-secret" not in said.out + said.err
    assert "hidden" not in said.out + said.err


def test_settings_of_a_batch_are_those_of_its_recipe(evergrow: Evergrow, seed_file: Path) -> None:
    evergrow("seeds", "add", seed_file, "--batch", "b")
    evergrow("recipe", "set", "b", "evolution.rounds=7")

    found = {
        row["setting"]: (row["value"], row["from"]) for row in evergrow("config", "show", "--of", "b", "--json").json
    }

    value, source = found["evolution.rounds"]
    assert value == "7"
    assert source.startswith("recipe of batch 'b', version ")
    assert found["evolution.children"][1] == "EVERGROW_EVOLUTION__CHILDREN"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_command(evergrow: Evergrow, shell: str) -> None:
    said = evergrow("completion", shell)

    assert said.code == 0
    assert "_EVERGROW_COMPLETE" in said.out


def test_the_script_of_bash_completes_a_command_and_its_options(evergrow: Evergrow) -> None:
    script = evergrow("completion", "bash").out
    ask = f"{script}\nCOMP_WORDS=(evergrow sta); COMP_CWORD=1; _evergrow_completion evergrow; echo ${{COMPREPLY[@]}}"
    folder = str(Path(sys.executable).parent)

    said = subprocess.run(
        ["bash", "-c", ask],
        check=True,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )

    assert said.stdout.split() == ["status"]
