"""`evergrow recipe set`: what a person has set is meant so; what is misspelt, or shapes no row, is refused."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evergrow.cli.options import nested_overrides
from evergrow.resources.settings import load_settings
from evergrow.resources.settings.recipe import as_typed
from tests.cli.conftest import Evergrow
from tests.properties import examples


def test_only_settings_that_differ_by_themselves_are_offered(grown: Evergrow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGROW_EVOLUTION__MIN_WORDS", "7")
    before = grown("run", "--batch", "b", "--rounds", "2").err
    assert "-> 7)" in before.partition("(evolution.min_words")[2]
    assert "recipe set b --from-settings" in before.replace("\n", " ")

    assert grown("recipe", "set", "b", "evolution.min_words=6", "answers.votes=2").code == 0
    assert "keeps its recipe" not in grown("run", "--batch", "b", "--rounds", "2").err

    assert grown("recipe", "set", "b", "--from-settings").code == 0
    changed = grown("run", "--batch", "b", "--rounds", "2", "--set", "answers.votes=2").err
    assert "-> 2" in changed.partition("answers.votes")[2]


def test_what_a_command_has_named_itself_is_not_argued_with(grown: Evergrow) -> None:
    assert "evolution.rounds 2 -> 1" in grown("run", "--batch", "b", "--rounds", "1").err

    said = grown("run", "--batch", "b").err
    assert "keeps its recipe" not in said  # neither the rounds nor the margin, which `--set` had named before


def test_a_setting_that_the_recipe_leaves_empty_is_offered_too(
    grown: Evergrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGROW_EVOLUTION__MIN_COMPLEXITY", "5")
    assert "evolution.min_complexity null -> 5.0" in grown("run", "--batch", "b", "--rounds", "2").err

    assert grown("recipe", "set", "b", "evolution.min_complexity=4").code == 0
    assert grown("recipe", "set", "b", "evolution.min_complexity=null").code == 0
    assert "evolution.min_complexity" not in grown("run", "--batch", "b", "--rounds", "2").err


@pytest.mark.parametrize("changes", [("automate=rounds", "sensors.automate=some"), ("automate=none", "sensors=null")])
def test_a_setting_named_in_both_ways_is_checked(grown: Evergrow, changes: tuple[str, str]) -> None:
    said = grown("recipe", "set", "b", *changes)

    assert said.code == 2
    assert "sensors" in said.err


def test_what_a_recipe_shows_can_be_typed_back(grown: Evergrow) -> None:
    lines = [line.split("│") for line in grown("recipe", "show", "b").out.splitlines() if line.count("│") == 3]
    shown = {setting.strip(): value.strip() for _, setting, value, _ in lines}
    assert shown["evolution.min_complexity"] == "null"
    assert shown["evolution.show_nearest"] in {"true", "false"}
    for path in ("evolution.min_complexity", "evolution.show_nearest"):
        assert grown("recipe", "set", "b", f"{path}={shown[path]}").err.startswith("nothing changes")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=VALUES)
@settings(max_examples=examples(100))
@example(value="off")
@example(value="null")
@example(value="1e5")
@example(value=1e-05)
@example(value="2026-11-27")
@example(value="a: b # c")
def test_any_value_is_typed_so_that_it_is_read_as_it_was(value: object) -> None:
    assert nested_overrides([f"a={as_typed(value)}"]) == {"a": value}


def test_what_is_no_name_is_told_apart_from_a_change(grown: Evergrow) -> None:
    said = grown("recipe", "diff", "b", "evolution.rounds=1")

    assert said.code == 2
    assert "`evergrow recipe set b evolution.rounds=1`" in " ".join(said.err.replace("│", " ").split())


def test_sensors_are_switched_off_by_the_word_that_status_uses(
    grown: Evergrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grown("recipe", "set", "b", "automate=rounds").code == 0
    assert "automate: rounds -> none" in grown("recipe", "set", "b", "automate=off").err
    assert load_settings({"sensors": {"automate": False}}).sensors.automate == "none"
    refused = grown("recipe", "set", "b", "automate=on")
    assert refused.code == 2
    assert "'none', 'rounds' or 'release'" in refused.err


def test_what_follows_from_a_change_is_said(grown: Evergrow) -> None:
    said = grown("recipe", "set", "b", "evolution.min_complexity=9.5").err

    assert "due: make evolution/round_01/accepted" in said
    assert "what is made of these is due after them" in said


def test_a_round_that_a_change_adds_is_said_with_its_command(grown: Evergrow) -> None:
    for rounds in (9, 3):  # more than any recipe or setting has had, and as many as the settings have
        said = grown("recipe", "set", "b", f"evolution.rounds={rounds}").err.replace("\n", " ")

        assert "next: make evolution/round_03/instructions: " in said
        assert "`evergrow run --batch b`" in said


def test_what_is_named_beside_the_settings_of_today_is_meant_so(grown: Evergrow) -> None:
    assert grown("recipe", "set", "b", "evolution.min_complexity=2", "--from-settings").code == 0

    assert "keeps its recipe" not in grown("run", "--batch", "b", "--rounds", "2").err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("answers.vots=3", "answers.vots: no such setting; did you mean 'votes'?"),
        ("nonsense=1", "nonsense: no such setting"),
        ("embedding.device=cpu", "embedding.device: of the machine"),
        ("endpoints.default.concurrency=3", "endpoints.default.concurrency: of the machine"),
        ("roles.judge.endpoint=default", "roles.judge.endpoint: of the machine"),
        ("profile=paper", "then `evergrow recipe set b --from-settings`"),
        ("evolution.rounds=many", "evolution.rounds"),
        ("automate=sometimes", "automate"),
    ],
)
def test_what_no_recipe_holds_is_refused_by_name(grown: Evergrow, change: str, words: str) -> None:
    before = grown("recipe", "show", "b", "--json").json

    said = grown("recipe", "set", "b", change, "answers.votes=2")

    assert said.code == 2
    assert words in said.err.replace("\n", " ")
    assert grown("recipe", "show", "b", "--json").json == before


@pytest.mark.parametrize("change", ["gates.accepted.measures.novelsum.min=0.01", "model=m", "roles.judge.model=j"])
def test_what_a_recipe_holds_by_a_longer_or_a_shorter_name_is_taken(grown: Evergrow, change: str) -> None:
    assert grown("recipe", "set", "b", change).code == 0


def test_a_closed_gate_names_the_command_that_sets_another_threshold(grown: Evergrow) -> None:
    assert grown("recipe", "set", "b", "gates.complexity.min_mean=9.9").code == 0

    closed = grown("run", "--batch", "b", "--rounds", "2")
    status = grown("status", "--batch", "b")

    assert closed.code == 1
    assert "setting gates.complexity.min_mean" in closed.err.replace("\n", " ")
    assert "`evergrow recipe set b SETTING=VALUE`" in closed.err.replace("\n", " ")
    assert "evergrow recipe set b SETTING=VALUE" in " ".join(f"{status.out} {status.err}".replace("│", " ").split())
    assert grown("recipe", "set", "b", "gates.complexity.min_mean=1").code == 0
    assert grown("run", "--batch", "b", "--rounds", "2").code == 0
