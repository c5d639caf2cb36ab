"""Every command of docs/look.md does what it says, in the order in which the page gives them."""

from pathlib import Path

import yaml

from evergrow.resources.settings import load_settings
from tests.cli.conftest import Evergrow
from tests.cli.pages import astray, do_as_told, text_of
from tests.conftest import FakeEndpoint

PAGE = "look.md"


def test_the_commands_work_one_after_the_other(evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    do_as_told(PAGE, evergrow, tmp_path, "seeds add functions.jsonl --batch first", "run --batch first --rounds 1")

    for made in ("first-page/index.html", "kept/rows.parquet", "first-report.html"):
        assert (tmp_path / made).stat().st_size > 0


def test_the_settings_of_the_page_are_settings() -> None:
    told = yaml.safe_load(text_of(PAGE).partition("```yaml\n")[2].partition("```")[0])

    assert load_settings(told).alerts.form == "slack"


def test_links_within_the_project_lead_somewhere() -> None:
    assert astray(PAGE) == []
