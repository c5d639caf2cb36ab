import json

from evergrow.resources.llm.schemas import schema_of


def schema(title: str) -> dict[str, object]:
    return {"title": title, "type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}


def test_the_texts_of_a_schema_are_made_once() -> None:
    given = schema("answer")

    assert schema_of(given) is schema_of(given)
    assert json.loads(schema_of(given).identity) == given
    assert json.loads(schema_of(given).format)["json_schema"]["name"] == "answer"


def test_bounds_are_left_out_where_servers_do_not_know_them() -> None:
    bounded = {"title": "a", "properties": {"title": {"type": "string", "maxLength": 3}}}

    plain = json.loads(schema_of(bounded).format_without_bounds)["json_schema"]

    assert plain == {"name": "a", "schema": {"properties": {"title": {"type": "string"}}}, "strict": False}
