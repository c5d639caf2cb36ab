from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evergrow.cli.options import nested_overrides
from evergrow.methods.text.plain_yaml import IN_C
from evergrow.resources.settings import Settings, SettingsError, load_settings
from evergrow.resources.settings.load import EMBEDDED_PROFILE, PAPER_PROFILE

ENDPOINT = {"endpoints": {"default": {"base_url": "http://127.0.0.1:9/v1"}}}


def write(settings: dict[str, Any], name: str = "evergrow.yaml") -> Path:
    path = Path(name)
    path.write_text(yaml.safe_dump(settings))
    return path


def faults(overrides: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides)
    return str(caught.value)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write({**ENDPOINT, "evolution": {"margin": 1, "beam": 0.1, "children": 5}})
    monkeypatch.setenv("EVERGROW_EVOLUTION__MARGIN", "2")
    monkeypatch.setenv("EVERGROW_EVOLUTION__BEAM", "0.2")
    evolution = load_settings({"evolution": {"margin": 3}}).evolution
    assert (evolution.margin, evolution.beam, evolution.children, evolution.rounds) == (3, 0.2, 5, 3)


@given(layers=st.sets(st.sampled_from(["file", "environment", "command line"])))
def test_the_strongest_source_that_names_a_setting_decides_it(layers: set[str]) -> None:
    values = {"file": 1.0, "environment": 2.0, "command line": 3.0}
    write({**ENDPOINT, **({"evolution": {"margin": 1.0}} if "file" in layers else {})})
    with pytest.MonkeyPatch.context() as patch:
        if "environment" in layers:
            patch.setenv("EVERGROW_EVOLUTION__MARGIN", "2.0")
        settings = load_settings({"evolution": {"margin": 3.0}} if "command line" in layers else {})
    assert settings.evolution.margin == max((values[layer] for layer in layers), default=0.0)


def test_every_fault_of_every_source_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write({"evolution": {"beam": 2, "margn": 1}, "gates": {"complexity": {"min_mean": "high"}}, "modle": "x"})
    monkeypatch.setenv("EVERGROW_EVOLUTION__ROUNDS", "99")
    monkeypatch.setenv("EVERGROW_EVOLUTON__ROUNDS", "1")
    said = faults({"evolution": {"children": 0}})
    assert said.startswith(f"7 fault(s) in the settings ({path.absolute()}):")
    for expected in (
        "evolution.beam: Input should be less than or equal to 1, not 2",
        "evolution.margn: no such setting; did you mean 'margin'?",
        "gates.complexity.min_mean: Input should be a valid number",
        "modle: no such setting; did you mean 'model'?",
        "evolution.rounds: Input should be less than or equal to 20, not '99' (from EVERGROW_EVOLUTION__ROUNDS)",
        "EVERGROW_EVOLUTON__ROUNDS: no such setting; did you mean 'evolution'?",
        "evolution.children: Input should be greater than or equal to 1, not 0 (from the command)",
    ):
        assert f"\n  {expected}" in said


def test_a_fault_of_the_command_names_no_file() -> None:
    write(ENDPOINT)

    assert faults({"evolution": {"rounds": "x"}}).startswith("1 fault(s) in the settings:\n  evolution.rounds: ")


def test_a_misspelt_variable_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_GATES__COMPLEXITY__MIN_MEEN", "1")
    assert "gates.complexity.min_meen: no such setting; did you mean 'min_mean'?" in faults()


def test_settings_that_contradict_each_other_are_named() -> None:
    write({"roles": {"judge": {"endpoint": "far"}}, "evolution": {"selection_order": ["beam", "beam"]}})
    said = faults()
    assert "roles.judge.endpoint: 'far' is not among endpoints (default)" in said
    assert "evolution.selection_order: names one rule twice" in said


@pytest.mark.parametrize(
    "text",
    ["a: [", "- 1", "just words", "\t", "evolution:", "endpoints:", "endpoints: 3", "endpoints: {default: x}", "\x00"],
)
def test_a_file_that_holds_no_settings_is_one_clear_fault(text: str) -> None:
    Path("evergrow.yaml").write_text(text)
    assert "evergrow.yaml" in faults()


def test_a_file_that_is_not_utf8_or_json_in_a_variable_that_is_none_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("evergrow.yaml").write_bytes(b"model: \xff")
    assert "evergrow.yaml" in faults()
    Path("evergrow.yaml").unlink()
    monkeypatch.setenv("EVERGROW_EVOLUTION", "{")
    assert "evolution" in faults()


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_changes_nothing(text: str) -> None:
    bare = load_settings()
    Path("evergrow.yaml").write_text(text)
    assert load_settings().model_dump() == bare.model_dump()


def test_the_file_can_be_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    write({"evolution": {"margin": 1}})
    write({"evolution": {"margin": 2}}, "other.yaml")
    monkeypatch.setenv("EVERGROW_CONFIG", "other.yaml")
    assert load_settings().evolution.margin == 2
    assert load_settings(yaml_file=Path("evergrow.yaml").absolute()).evolution.margin == 1
    monkeypatch.setenv("EVERGROW_CONFIG", "gone.yaml")
    assert faults() == "EVERGROW_CONFIG names a file that does not exist: gone.yaml"


def test_the_home_is_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().home == tmp_path / ".evergrow"
    monkeypatch.setenv("EVERGROW_HOME", "~/grown")
    assert load_settings().home == Path.home() / "grown"


def test_without_an_endpoint_the_embedded_profile_holds() -> None:
    profile = yaml.safe_load(EMBEDDED_PROFILE.read_text())
    settings = load_settings()
    assert settings.uses_embedded_model
    assert settings.model == profile["model"]
    assert settings.evolution.children == profile["evolution"]["children"]
    assert settings.gates.complexity.min_mean == profile["gates"]["complexity"]["min_mean"]
    assert settings.verification.keep.model_dump() == {
        **defaults()["verification"]["keep"],
        "code": ("pass", "unverified"),
    }


def test_whatever_is_set_goes_before_the_embedded_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    write({"evolution": {"children": 7}})
    monkeypatch.setenv("EVERGROW_GATES__COMPLEXITY__MIN_MEAN", "4")
    settings = load_settings({"roles": {"judge": {"max_tokens": 77}}})
    assert settings.uses_embedded_model
    assert settings.evolution.children == 7
    assert settings.gates.complexity.min_mean == 4
    assert settings.roles.judge.max_tokens == 77
    assert settings.evolution.beam == 1.0


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OPENAI_BASE_URL"])
def test_a_variable_of_openai_switches_the_embedded_profile_off(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    assert load_settings().model_dump() == defaults()


def test_an_endpoint_in_any_source_switches_the_embedded_profile_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load_settings(ENDPOINT).uses_embedded_model
    assert load_settings(ENDPOINT).evolution.model_dump() == defaults()["evolution"]
    monkeypatch.setenv("EVERGROW_ENDPOINTS__DEFAULT__KIND", "openai")
    assert load_settings().model_dump() == defaults()
    monkeypatch.delenv("EVERGROW_ENDPOINTS__DEFAULT__KIND")
    write(ENDPOINT)
    assert not load_settings().uses_embedded_model


def test_an_embedded_endpoint_in_the_file_keeps_the_profile() -> None:
    write({"endpoints": {"default": {"kind": "embedded", "concurrency": 2}}})
    settings = load_settings()
    assert settings.uses_embedded_model
    assert settings.endpoints["default"].concurrency == 2
    assert settings.evolution.beam == 1.0


def defaults() -> dict[str, Any]:
    """The models' own defaults, without any source."""
    return {**Settings.model_construct().model_dump(), "home": Path.cwd() / ".evergrow"}


@pytest.mark.parametrize("path", [EMBEDDED_PROFILE, PAPER_PROFILE, Path(__file__).parents[3] / "evergrow.yaml"])
def test_the_quick_reader_finds_in_a_file_what_the_plain_one_finds(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert yaml.load(text, Loader=IN_C) == yaml.safe_load(text)


DEEP = "[" * 50_000


@pytest.mark.parametrize("text", [f"roles: {DEEP}", f"roles: {DEEP}{']' * 50_000}", "- " * 50_000, "{a: " * 50_000])
def test_settings_that_are_nested_for_ever_are_one_fault(text: str) -> None:
    Path("evergrow.yaml").write_text(text)

    assert "is nested deeper than 64 levels" in faults()


def of_aliases(count: int, times: int) -> str:
    lines = [f"  - &a{n} [{', '.join([f'*a{n - 1}'] * times)}]" for n in range(1, count)]
    return "\n".join(["evolution:", "  - &a0 [x]", *lines])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (of_aliases(30, 4), "has aliases that stand for more than 100,000 values"),
        (of_aliases(200, 1), "is nested deeper than 64 levels"),
        ("evolution: &e\n  rounds: *e", "is nested deeper than 64 levels"),
    ],
)
def test_aliases_that_stand_for_more_than_fits_into_memory_are_one_fault(text: str, fault: str) -> None:
    Path("evergrow.yaml").write_text(text)

    assert fault in faults()


def test_an_alias_stands_for_what_it_names() -> None:
    Path("evergrow.yaml").write_text(
        "roles:\n  judge: &asked {temperature: 0.5}\n  responder: *asked\nmodel: &m one\nevaluation: {}\n"
    )

    assert load_settings().roles.responder.temperature == 0.5


def test_a_variable_that_is_nested_for_ever_is_one_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_ROLES__JUDGE", f"{DEEP}{']' * 50_000}")
    assert "is nested too deep to be read" in faults()

    monkeypatch.setenv("EVERGROW_ROLES__JUDGE", f"{'[' * 900}{']' * 900}")
    assert len(faults()) < 1_000


@pytest.mark.parametrize("override", [f"roles={DEEP}", f"roles.{'a.' * 50_000}b=1"])
def test_a_value_of_the_command_line_that_is_nested_for_ever_is_one_fault(override: str) -> None:
    with pytest.raises(SettingsError, match="is nested deeper than 64 levels") as refused:
        nested_overrides([override])

    assert len(str(refused.value)) < 200
