"""Bans are remembered for good."""

from pathlib import Path

import pytest

from evergrow.resources.host.home import Home
from evergrow.resources.registry.bans import Ban, bans, remember


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def test_bans_add_up_and_none_stands_twice(home: Home) -> None:
    assert bans(home) == []

    remember(home, [Ban("seed", "17"), Ban("model", 'odd "name" \x1b[31m')])
    every = remember(home, [Ban("seed", "17"), Ban("licence", "GPL-3.0")])

    assert every == bans(home) == sorted(every)
    assert {(ban.kind, ban.value) for ban in every} == {
        ("seed", "17"), ("model", 'odd "name" \x1b[31m'), ("licence", "GPL-3.0"),
    }  # fmt: skip
    assert str(every[0]) == "licence 'GPL-3.0'"
