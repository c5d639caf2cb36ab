"""What `profile: paper` sets, and that its page says so."""

import os
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from evergrow.resources.settings import load_settings
from evergrow.resources.settings.load import PAPER_PROFILE

PAGE = Path(__file__).parents[3] / "docs" / "methods.md"
SERVED = {"endpoints": {"default": {"base_url": "http://127.0.0.1:9/v1"}}}


def leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


PAPER = dict(leaves(yaml.safe_load(PAPER_PROFILE.read_text(encoding="utf-8"))))


def setting(path: str, **given: Any) -> Any:
    return reduce(getattr, path.split("."), load_settings({**SERVED, **given}))


@pytest.mark.parametrize("path", PAPER)
def test_the_papers_profile_sets_what_the_default_is_not(path: str) -> None:
    wanted = tuple(PAPER[path]) if isinstance(PAPER[path], list) else PAPER[path]

    assert setting(path, profile="paper") == wanted
    assert setting(path) != wanted


def test_the_page_lists_every_difference_with_a_reason_and_no_other() -> None:
    rows = re.findall(r"(?m)^\| `([a-z_.]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"))

    assert {path for path, *_ in rows} == set(PAPER)
    for path, _, told, why in rows:
        assert why.strip()
        if isinstance(PAPER[path], float | bool | str):
            assert told.strip().lower() == str(PAPER[path]).lower()


def test_what_is_set_goes_before_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_PROFILE", "paper")

    assert setting("evolution.operators") == ()
    assert setting("evolution.operators", evolution={"operators": ["scale"]}) == ("scale",)


def test_variables_of_a_dotenv_file_count_unless_they_are_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERGROW_EVOLUTION__BEAM", "0.5")
    for name in ("EVERGROW_EVOLUTION__ROUNDS", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "")  # so that what is read is taken back after the test
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(
        "EVERGROW_EVOLUTION__BEAM=0.9\nEVERGROW_EVOLUTION__ROUNDS=7\nOPENAI_API_KEY='sk-made-up'\n", encoding="utf-8"
    )

    settings = load_settings({})

    assert (settings.evolution.beam, settings.evolution.rounds) == (0.5, 7)
    assert os.environ["OPENAI_API_KEY"] == "sk-made-up"
    assert not settings.uses_embedded_model
