"""Every command of docs/look.md does what it says, in the order in which the page gives them."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.conftest import ROOT, FakeEndpoint
from tests.platform import functions
from tests.test_readme import commands_of

PAGE = ROOT / "docs" / "look.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_commands_work_one_after_the_other(evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    functions(3).frame.select("content").write_ndjson(tmp_path / "functions.jsonl")
    for command in ("seeds add functions.jsonl --batch first", "run --batch first --rounds 1"):
        assert evergrow(*shlex.split(command)).code == 0

    for command in commands_of(TEXT):
        said = evergrow(*shlex.split(command)[1:])
        assert said.code == 0, f"{command}\n{said.err}"

    for made in ("first-page/index.html", "kept/rows.parquet", "first-report.html"):
        assert (tmp_path / made).stat().st_size > 0


def test_the_settings_of_the_page_are_settings() -> None:
    told = yaml.safe_load(TEXT.partition("```yaml\n")[2].partition("```")[0])

    assert load_settings(told).alerts.form == "slack"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", TEXT))
def test_links_within_the_project_lead_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
