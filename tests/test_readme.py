"""Every command of the README does what it says, in the order in which the README gives them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from evergrow.resources.settings import Settings
from tests.conftest import ROOT, FakeEndpoint
from tests.live import free_port
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
def environment(tmp_path: Path, fake_endpoint: FakeEndpoint, vectors_at_hand: None) -> dict[str, str]:
    """A shell's variables: the fake endpoint as the user's own, and gates that its scores can pass."""
    lenient = {
        "EVERGROW_GATES__COMPLEXITY__MAX_DROP": "9",
        "EVERGROW_GATES__DIVERSITY__MIN_MEAN": "0",
        "EVERGROW_GATES__DIVERSITY__MIN_P10": "0",
    }
    user = {"OPENAI_BASE_URL": fake_endpoint.url, "OPENAI_API_KEY": "none", "EVERGROW_HOME": str(tmp_path / "home")}
    return {**os.environ, **lenient, **user}


def run(command: str, folder: Path, environment: dict[str, str]) -> None:
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    shell = ["sh", "-c", command]
    done = subprocess.run(
        shell, cwd=folder, env={**environment, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"


@pytest.mark.timeout(900)  # twenty commands, each a process of its own
def test_the_commands_work_one_after_the_other(tmp_path: Path, environment: dict[str, str]) -> None:
    functions(3).frame.select("content").write_ndjson(tmp_path / "functions.jsonl")
    collected = tmp_path / "collected.parquet"

    for command in COMMANDS:
        if "SAMPLE_ID" in command:
            run(f"evergrow table evolution/collected --partition first --out {collected}", tmp_path, environment)
            run(command.replace("SAMPLE_ID", pl.read_parquet(collected)["id"][0]), tmp_path, environment)
        else:
            run(command, tmp_path, environment)

    assert (tmp_path / "dataset" / "train.jsonl").stat().st_size > 0
    assert pl.read_parquet(tmp_path / "accepted.parquet").height > 0


def test_the_ui_answers_on_loopback(tmp_path: Path, environment: dict[str, str]) -> None:
    assert "evergrow ui" in LINES
    port = free_port()
    command = [str(Path(sys.executable).with_name("evergrow")), "ui", "--port", str(port)]
    with (tmp_path / "ui.log").open("wb") as log:
        ui = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        assert answers(f"http://127.0.0.1:{port}/server_info"), (tmp_path / "ui.log").read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(ui.pid, signal.SIGINT)
        try:
            ui.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(ui.pid, signal.SIGKILL)
            ui.wait()


def answers(url: str) -> bool:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url) as answer:
            return bool(answer.status == 200)
        time.sleep(0.5)
    return False


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
