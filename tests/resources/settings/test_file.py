from pathlib import Path

import pytest
import yaml

from evergrow.resources.settings.file import write_settings
from evergrow.resources.settings.reference import reference


def test_what_a_file_says_beside_stays_comments_too(tmp_path: Path) -> None:
    path = tmp_path / "evergrow.yaml"
    path.write_text("# mine\nevolution:\n  rounds: 2  # two\n")

    write_settings(path, ("evolution",), {"judging": "overall"})

    assert path.read_text() == "# mine\nevolution:\n  rounds: 2  # two\n  judging: overall\n"


@pytest.mark.parametrize(
    "before",
    [
        "# mine\r\nevolution:\r\n  rounds: 2\r\n",
        "cleaning:\n  languages:\n    - en\n    - de\nevolution:\n  rounds: 2\n",
        "cleaning:\n  languages:\n  - en\n  - de\nevolution:\n  rounds: 2\n",
        "cleaning:\n    languages:\n        - en\nevolution:\n    rounds: 2\n",
        "cleaning:\n    languages:\n      - en\nevolution:\n    # mine\n    rounds: 2\n",
        "cleaning:\n    languages: [en, de]\nevolution:\n    rounds: 2\n",
        "evolution: {beam: 0.5}\nrelease:\n  license: 'MIT'\n",
    ],
)
def test_indents_and_ends_of_lines_stay(tmp_path: Path, before: str) -> None:
    path = tmp_path / "evergrow.yaml"
    path.write_bytes(before.encode())

    write_settings(path, ("evolution",), {"readings": 2})

    after = path.read_bytes().decode()
    assert yaml.safe_load(after)["evolution"]["readings"] == 2
    kept = [line for line in after.splitlines(keepends=True) if "readings" not in line]
    assert kept == [line for line in before.splitlines(keepends=True) if "evolution: {" not in line]


def test_a_file_of_comments_alone_keeps_them_and_one_that_is_not_there_is_made(tmp_path: Path) -> None:
    path, fresh = tmp_path / "evergrow.yaml", tmp_path / "new.yaml"
    path.write_text(reference())

    for one in (path, fresh):
        write_settings(one, ("evolution",), {"readings": 2})

    assert path.read_text().startswith(reference())
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(fresh.read_text()) == {"evolution": {"readings": 2}}
