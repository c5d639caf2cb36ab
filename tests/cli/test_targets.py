"""Where a command cannot write, one sentence names the file, the cause and the remedy; nothing is left there."""

from pathlib import Path

import pytest

from tests.cli.conftest import Evergrow

COMMANDS = (
    "trace s0 --batch code --html {}",
    "trace s0 --batch code --prov {}",
    "funnel --svg {}",
    "report --batch code --out {}",
    "explore --batch code --out {}",
    "table evolution/seeds --partition code --out {}.parquet",
    "table evolution/seeds --partition code --out {}.jsonl",
    "table evolution/seeds --partition code --out {}.csv",
    "table evolution/collected --partition code --form toe --out {}.json",
    "export --batch code --out {}",
    "tree export t --out {}",
    "backup {}",
)
WRONG = ("file/below", "/sys/nowhere/x", "/sys/x", "x" * 300)  # not even root may write below /sys


@pytest.mark.parametrize("command", COMMANDS)
def test_a_target_that_cannot_be_written_is_named_with_cause_and_remedy(here: Evergrow, command: str) -> None:
    Path("file").write_text("x")

    for target in WRONG:
        said = here(*command.format(target).split())

        last = said.err.replace("\n", "")
        assert said.code == 2, said.err
        assert target in last
        assert "cannot be written: " in last
        assert "; " in last.partition("cannot be written: ")[2]
        assert not {"Errno", "os error", "Traceback"} & set(last.replace("[", " ").replace("(", " ").split())
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_folder_in_place_of_a_file_is_said(here: Evergrow) -> None:
    Path("folder.jsonl").mkdir()

    for command in (*COMMANDS[:4], "table evolution/seeds --partition code --out {}"):
        said = here(*command.format("folder.jsonl").split())

        assert said.code == 2
        assert "folder.jsonl cannot be written: it is a folder; name a file in it" in said.err
    assert list(Path("folder.jsonl").iterdir()) == []


def test_a_folder_above_a_target_is_made(here: Evergrow) -> None:
    assert here("trace", "s0", "--batch", "code", "--html", "a/b/row.html").code == 0
    assert here("funnel", "--svg", "c/d/funnel.svg").code == 0
    assert Path("a/b/row.html").is_file()
    assert Path("c/d/funnel.svg").is_file()
