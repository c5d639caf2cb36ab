"""Every command of docs/dataset.md does what it says, in the order in which the page gives them."""

from pathlib import Path

from tests.cli.conftest import Evergrow
from tests.cli.pages import astray, do_as_told
from tests.conftest import FakeEndpoint

PAGE = "dataset.md"


def test_the_commands_work_one_after_the_other(evergrow: Evergrow, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    do_as_told(PAGE, evergrow, tmp_path, "seeds add functions.jsonl --batch first", "run --batch first --rounds 1")

    assert (tmp_path / "out" / "train.jsonl").stat().st_size > 0


def test_links_within_the_project_lead_somewhere() -> None:
    assert astray(PAGE) == []
