"""Every command of docs/trees.md does what it says, in the order in which the page gives them."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import polars as pl
import pytest

from evergrow.methods.treesynth.domain_files import SHIPPED
from evergrow.resources.settings import Settings
from tests.cli.conftest import Evergrow
from tests.conftest import ROOT, FakeEndpoint
from tests.test_readme import commands_of

PAGE = ROOT / "docs" / "trees.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_commands_work_one_after_the_other(
    evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_TREESYNTH__SHARDS", "1")
    messages = [{"text": f"Where is my parcel number {n}?"} for n in range(12)]
    (tmp_path / "messages.jsonl").write_text("".join(json.dumps(message) + "\n" for message in messages))

    for command in commands_of(TEXT):
        if not command.startswith("evergrow "):
            shell = command.replace("CUSTOMER_SUPPORT_YAML", str(SHIPPED / "customer_support.yaml"))
            subprocess.run(["sh", "-c", shell], cwd=tmp_path, check=True)
            continue
        arguments = shlex.split(command)[1:]
        if "SAMPLE_ID" in arguments:
            arguments[arguments.index("SAMPLE_ID")] = pl.read_ndjson(tmp_path / "samples.jsonl")["id"][0]
        said = evergrow(*arguments)
        assert said.code == 0, f"{command}\n{said.err}"

    assert pl.read_ndjson(tmp_path / "samples.jsonl").height == 45
    files = {path.name for path in (tmp_path / "stories").iterdir()}
    assert files == {"output.json", "tree_structure.txt", "result.jsonl", "aware.jsonl"}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:treesynth|gates|roles)\.[a-z_.]+)`", TEXT))))
def test_settings_that_it_names_exist(path: str) -> None:
    section = Settings
    for part in path.split("."):
        assert part in section.model_fields, path
        section = section.model_fields[part].annotation  # type: ignore[assignment]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_within_the_project_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
