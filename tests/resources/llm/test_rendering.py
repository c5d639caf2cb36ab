import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.llm.capabilities import MODES, Capabilities, capabilities_of
from evergrow.resources.llm.rendering import AskedAnswer, Repair, body, call_id, prompt_bytes, request_key
from evergrow.resources.llm.requests import Request
from evergrow.resources.settings.endpoints import Endpoint
from evergrow.resources.settings.roles import Role
from tests.resources.llm.support import SCHEMA

REQUEST = Request("row", "generator", "system", "user", SCHEMA)
ROLE = Role(model="model-1")


def sent(request: Request = REQUEST, endpoint: Endpoint | None = None, **asked: Any) -> dict[str, Any]:
    endpoint = endpoint or Endpoint()
    draw, repair = asked.pop("draw", 0), asked.pop("repair", None)
    takes = dataclasses.replace(capabilities_of(endpoint), **asked)
    return dict(json.loads(body(request, ROLE, endpoint, AskedAnswer(takes, draw, repair))))


@pytest.mark.parametrize(
    ("request_changes", "role_changes"),
    [
        ({"system": "other"}, {}), ({"user": "other"}, {}), ({"slot": 1}, {}), ({"schema": {"type": "object"}}, {}),
        ({"schema": None}, {}), ({}, {"model": "model-2"}), ({}, {"temperature": 0.5}), ({}, {"max_tokens": 9}),
        ({"system": "systemuser", "user": ""}, {}), ({"temperature": 0.7}, {}),
    ],
)  # fmt: skip
def test_whatever_changes_the_answer_changes_the_identity(
    request_changes: dict[str, Any], role_changes: dict[str, Any]
) -> None:
    other = dataclasses.replace(REQUEST, **request_changes)

    assert request_key(other, ROLE.model_copy(update=role_changes)) != request_key(REQUEST, ROLE)


def test_nothing_else_changes_the_identity() -> None:
    other = dataclasses.replace(REQUEST, key="row-2", prompt_version="v2", role="judge")

    assert request_key(other, ROLE.model_copy(update={"endpoint": "b", "draws": 5})) == request_key(REQUEST, ROLE)


def test_a_temperature_of_its_own_is_sent_in_place_of_the_roles_and_counts_as_that() -> None:
    own = dataclasses.replace(REQUEST, temperature=0.25)

    assert sent(own)["temperature"] == 0.25
    assert request_key(own, ROLE) == request_key(REQUEST, ROLE.model_copy(update={"temperature": 0.25}))


def test_a_model_that_takes_no_temperature_is_sent_none_whatever_the_request_says() -> None:
    role = ROLE.model_copy(update={"temperature": None})
    own = dataclasses.replace(REQUEST, temperature=0.25)

    assert "temperature" not in json.loads(body(own, role, Endpoint(), AskedAnswer(Capabilities(), 0, None)))
    assert request_key(own, role) == request_key(REQUEST, role)


def test_the_identity_of_a_request_stays_what_ledgers_hold() -> None:
    assert request_key(REQUEST, ROLE) == "855a48e3b318f600339b47206f6697b8670111ae"


def test_draws_and_repairs_of_a_request_have_call_ids_of_their_own() -> None:
    assert len({call_id("k", draw, turn) for draw in range(3) for turn in range(2)}) == 6


def test_children_of_one_prompt_and_draws_of_one_child_differ_by_seed() -> None:
    seeds = {sent(dataclasses.replace(REQUEST, slot=slot), draw=draw)["seed"] for slot in range(4) for draw in range(3)}

    assert len(seeds) == 12
    assert "seed" not in sent(endpoint=Endpoint(send_seed=False))


def test_the_schema_is_sent_by_the_means_that_the_endpoint_has() -> None:
    assert sent()["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}
    assert sent(mode="json_object")["response_format"] == {"type": "json_object"}
    assert "response_format" not in sent(mode="text")
    for mode in MODES[1:]:
        assert json.dumps(SCHEMA) in sent(mode=mode)["messages"][0]["content"]
    assert "response_format" not in sent(dataclasses.replace(REQUEST, schema=None))


def test_a_schema_with_optional_or_open_parts_is_not_called_strict() -> None:
    optional = {**SCHEMA, "required": ["question"]}

    assert not sent(dataclasses.replace(REQUEST, schema=optional))["response_format"]["json_schema"]["strict"]


def test_a_repair_quotes_the_answer_and_its_fault() -> None:
    messages = sent(repair=Repair("{broken", "no JSON"))["messages"]

    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == "{broken"
    assert "no JSON" in messages[3]["content"]


def test_parameters_are_named_as_the_endpoint_wants_them() -> None:
    reasoning = Endpoint(token_limit="max_completion_tokens", model="deployment-7")

    assert sent(endpoint=reasoning)["max_completion_tokens"] == ROLE.max_tokens
    assert sent(endpoint=reasoning)["model"] == "deployment-7"
    assert "temperature" not in json.loads(
        body(REQUEST, ROLE.model_copy(update={"temperature": None}), Endpoint(), AskedAnswer(Capabilities(), 0, None))
    )


def test_what_an_endpoint_does_not_take_is_not_sent() -> None:
    bounded = {**SCHEMA, "properties": {"minimum": {"type": "integer", "minimum": 1, "maxItems": 2}}, "title": "answer"}
    request = dataclasses.replace(REQUEST, schema=bounded)

    plain = sent(request, keywords=False)["response_format"]["json_schema"]
    assert plain["name"] == "answer"
    assert plain["schema"]["properties"] == {"minimum": {"type": "integer"}}
    assert not {"temperature", "seed"} & set(sent(temperature=False, seed=False))
    assert [m["role"] for m in sent(system=False)["messages"]] == ["user"]
    assert sent(system=False)["messages"][0]["content"] == "system\n\nuser"
    assert sent(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent(stream=True, stream_usage=False)


@given(
    st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())), st.sampled_from(MODES)
)
def test_any_text_survives_and_the_worst_case_counts_all_of_it(system: str, user: str, mode: str) -> None:
    request = dataclasses.replace(REQUEST, system=system, user=user)

    messages = sent(request, mode=mode)["messages"]

    assert messages[-1]["content"] == user
    assert prompt_bytes(request, None) >= sum(len(m["content"].encode(errors="replace")) for m in messages)
