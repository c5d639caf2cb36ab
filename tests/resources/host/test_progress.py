import pytest

from evergrow.resources.host import progress
from evergrow.resources.host.progress import CalmProgress


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lines of progress, each of which is written at once."""
    monkeypatch.setattr(progress, "CALM_S", 0.0)
    return []


def test_what_is_done_is_said_once(lines: list[str]) -> None:
    with CalmProgress(lines.append).track("children", 3) as advance:
        advance(1)
        advance(2)

    assert [line.partition(" in ")[0] for line in lines] == ["children: 1 of 3", "children: 3 of 3"]


def test_no_line_says_more_than_its_total(lines: list[str]) -> None:
    with CalmProgress(lines.append).track("level 1", 2) as advance:
        advance(3)
        advance(1, total=6)
        advance(0, total=4)

    told = [line.partition(" in ")[0] for line in lines]
    assert told == ["level 1: 3 of 3", "level 1: 4 of 6", "level 1: 4 of 4"]


def test_of_nothing_nothing_is_said(lines: list[str]) -> None:
    with CalmProgress(lines.append).track("children", 0):
        pass

    assert lines == []


def test_work_that_was_never_begun_is_told_at_the_end(lines: list[str]) -> None:
    with CalmProgress(lines.append).track("children", 3):
        pass

    assert [line.partition(" in ")[0] for line in lines] == ["children: 0 of 3"]
