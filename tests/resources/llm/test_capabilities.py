import pytest

from evergrow.resources.llm.capabilities import MODES, Capabilities, capabilities_of
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.settings.endpoints import Endpoint


def parameter(about: str) -> Fault:
    return Fault(FaultClass.PARAMETER, "HTTP 400", 400, about=about)


def test_faults_about_schemas_weaken_step_by_step_and_come_to_an_end() -> None:
    takes, seen = Capabilities(), []
    while left := takes.without(Fault(FaultClass.ANSWERS, "x", about="minItems"), fixed_mode=False):
        takes = left
        seen.append((takes.mode, takes.keywords))

    assert seen == [("json_schema", False), ("json_object", False), ("text", False)]


def test_a_mode_that_the_settings_fix_stays() -> None:
    assert Capabilities().without(Fault(FaultClass.ANSWERS, "x"), fixed_mode=True) is None


@pytest.mark.parametrize("about", ["temperature", "seed", "system", "stream", "stream_options", "max_tokens"])
def test_each_parameter_is_left_out_or_renamed_once(about: str) -> None:
    left = Capabilities().without(parameter(about), fixed_mode=False)

    assert left is not None
    assert left != Capabilities()
    assert left.without(parameter(about), fixed_mode=False) is None


def test_neither_name_of_the_token_limit_is_tried_twice() -> None:
    left = Capabilities().without(parameter("max_tokens"), fixed_mode=False)

    assert left is not None
    assert left.token_limit == "max_completion_tokens"
    assert left.without(parameter("max_completion_tokens"), fixed_mode=False) is None


def test_what_was_found_is_known_again_unless_the_settings_say_otherwise() -> None:
    found = Capabilities(MODES[1], False, "max_completion_tokens", True, False, False, False, True, False)

    assert capabilities_of(Endpoint(), found.text()) == found
    assert capabilities_of(Endpoint(answers="json_schema"), found.text()).mode == "json_schema"
    assert not capabilities_of(Endpoint(token_limit="max_completion_tokens"), found.text()).renamed


@pytest.mark.parametrize("known", [None, "text", "[]", "{", '{"mode": 7, "temperature": "no"}'])
def test_what_the_ledger_cannot_tell_is_as_the_settings_say(known: str | None) -> None:
    assert capabilities_of(Endpoint(), known) == Capabilities()
