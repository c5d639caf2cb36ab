"""Every command of the README does what it says, in the order in which the README gives them."""

import re
import shlex
import subprocess
from pathlib import Path

import polars as pl
import pytest

from evergrow.cli.main import main
from evergrow.resources.settings import Settings
from tests.conftest import ROOT, FakeEndpoint
from tests.platform import functions

README = (ROOT / "README.md").read_text(encoding="utf-8")


def lines_of(page: str) -> list[str]:
    """The lines of a page's blocks of code, without their comments."""
    blocks = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def commands_of(page: str) -> list[str]:
    """What a shell is given there, but for the UI, which stays."""
    shell = ("evergrow ", "mkdir ", "sed ")
    return [line for line in lines_of(page) if line.startswith(shell) and line != "evergrow ui"]


LINES, COMMANDS = lines_of(README), commands_of(README)


@pytest.fixture
def _user(tmp_path: Path, fake_endpoint: FakeEndpoint, vectors_at_hand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's folder and variables: the fake endpoint as the user's own, and gates that its scores can pass."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"COMPLEXITY__MAX_DROP": "9", "DIVERSITY__MIN_MEAN": "0", "DIVERSITY__MIN_P10": "0"}.items():
        monkeypatch.setenv(f"EVERGROW_GATES__{name}", value)
    monkeypatch.setenv("EVERGROW_EVOLUTION__CHILDREN", "1")  # of each of twenty seeds


def run(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run it in this process: tests/cli/test_demo.py starts the program."""
    program, *arguments = shlex.split(command)
    assert program == "evergrow"
    assert main(arguments) == 0, f"{command}\n{capsys.readouterr().err}"


@pytest.mark.usefixtures("_user")
def test_the_commands_work_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert "evergrow ui" in LINES  # tests/cli/test_ui.py opens it
    functions(3).frame.select("content").write_ndjson("functions.jsonl")

    for command in COMMANDS:
        if "SAMPLE_ID" in command:
            run("evergrow table evolution/collected --partition first --out collected.parquet", capsys)
            run(command.replace("SAMPLE_ID", pl.read_parquet("collected.parquet")["id"][0]), capsys)
        else:
            run(command, capsys)

    assert Path("dataset/train.jsonl").stat().st_size > 0
    assert pl.read_parquet("accepted.parquet").height > 0


@pytest.mark.parametrize("target", sorted({line.split()[1] for line in LINES if line.startswith("make ")}))
def test_the_make_targets_exist(target: str) -> None:
    assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_within_the_project_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"EVERGROW_[A-Z_]+[A-Z]", README))))
def test_variables_that_it_names_exist(name: str) -> None:
    model = Settings
    for part in name.removeprefix("EVERGROW_").lower().split("__"):
        assert part in model.model_fields, name
        model = model.model_fields[part].annotation  # type: ignore[assignment]


def test_every_test_that_contributing_names_is_there() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))

    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
