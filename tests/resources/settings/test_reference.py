from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from evergrow.resources.settings import Settings, load_settings
from evergrow.resources.settings.reference import reference

FILE = Path(__file__).parents[3] / "evergrow.yaml"


def uncommented(text: str) -> str:
    """What is left when the first character of every line is removed."""
    return "".join(line[1:] for line in text.splitlines(keepends=True))


def described(model: type[BaseModel], value: BaseModel, path: str = "") -> Iterator[str]:
    for name in model.model_fields:
        inner = getattr(value, name)
        yield f"{path}{name}"
        if isinstance(inner, BaseModel):
            yield from described(type(inner), inner, f"{path}{name}.")


def names(settings: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in settings.items():
        yield f"{path}{name}"
        if isinstance(value, dict):
            yield from names(value, f"{path}{name}.")


def test_the_file_in_the_repository_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), (
        "run: python -m evergrow.resources.settings.reference > evergrow.yaml"
    )


def test_as_it_stands_it_changes_nothing() -> None:
    assert all(line.startswith("#") for line in reference().splitlines())
    bare = load_settings()
    Path("evergrow.yaml").write_text(reference(), encoding="utf-8")
    assert load_settings().model_dump() == bare.model_dump()


def test_without_comment_signs_it_holds_every_default() -> None:
    Path("evergrow.yaml").write_text(uncommented(reference()), encoding="utf-8")
    defaults = {**Settings.model_construct().model_dump(), "home": Path.cwd() / ".evergrow"}
    assert load_settings().model_dump() == defaults


def test_it_names_every_setting_with_a_comment() -> None:
    text = uncommented(reference())
    listed = set(names(yaml.safe_load(text)))
    assert set(described(Settings, Settings.model_construct())) <= listed
    assert "endpoints.default.base_url" in listed
    settings = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert [line for line in settings if "  # " not in line] == ["  default:"]
