"""What the page for operators says is so: its commands work, its links and settings exist."""

import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from evergrow.cli.main import app, main
from evergrow.resources.backup.archive import BackupStore
from evergrow.resources.settings import Settings
from evergrow.resources.settings.operation import AlertKind
from tests.conftest import ROOT
from tests.platform import functions
from tests.test_readme import lines_of

PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_a_backup_is_made_and_restored_by_the_commands_of_the_page(tmp_path: Path) -> None:
    functions(2).frame.select("content").write_ndjson(tmp_path / "functions.jsonl")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    lines = [line for line in lines_of(TEXT) if re.search(r"evergrow (backup|restore) ", line)]
    assert len(lines) == 2

    for line in ("evergrow seeds add functions.jsonl --batch b", *lines):
        environment = {**os.environ, "PATH": path, "EVERGROW_HOME": "first"}
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"

    assert len(BackupStore(tmp_path / "backups").names()) == 1
    assert list((tmp_path / "second" / "lake" / "registry" / "batches" / "b").glob("*.parquet"))


def test_scrub_ends_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    functions(2).frame.select("content").write_ndjson(tmp_path / "functions.jsonl")
    assert main(["seeds", "add", "functions.jsonl", "--batch", "b"]) == 0
    for line in (line for line in lines_of(TEXT) if line.startswith("evergrow scrub")):
        assert main(line.split()[1:]) == 0
    home = Path(os.environ["EVERGROW_HOME"])
    next((home / "lake" / "registry" / "batches" / "b").glob("*.parquet")).unlink()
    capsys.readouterr()

    assert main(["scrub"]) == 1

    assert "register its seeds again" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_within_the_project_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()


def test_every_alert_is_told_with_what_to_do() -> None:
    (table,) = re.findall(r"(?<=\| alert \| means \| do \|\n)(?:\|.*\n)+", TEXT)
    told = re.findall(r"^\| `(\w+)` \| [^|]{20,} \| [^|]{20,} \|$", table, re.MULTILINE)
    assert sorted(told) == sorted(get_args(AlertKind))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:--set )?([a-z]+(?:\.[a-z_]+)+)[`:]", TEXT))))
def test_settings_and_files_that_are_named_exist(name: str) -> None:
    section: Any = Settings
    if (ROOT / "deploy" / name).exists() or name.startswith(("evergrow.", "ledger.", "tests.")):
        return
    for part in name.split("."):
        assert part in section.model_fields, name
        section = section.model_fields[part].annotation


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`evergrow ([a-z][^`]*)`", TEXT))))
def test_commands_that_are_named_exist(line: str) -> None:
    words = list(takewhile(lambda word: re.fullmatch("[a-z]+", word) is not None, line.split()))
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        assert word in command.commands, line
        command = command.commands[word]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"--[a-z-]+", line)) <= known | {"--help"}, line
