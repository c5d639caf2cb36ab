import json

from evergrow.resources.llm.schemas import MOST_KEPT, schema_of


def schema(title: str) -> dict[str, object]:
    return {"title": title, "type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}


def test_each_schema_has_its_own_texts_however_many_there_are() -> None:
    # Objects that are gone leave their place in memory to others, which must not get their texts.
    for number in range(3 * MOST_KEPT):
        texts = schema_of(schema(f"s{number}"))
        assert json.loads(texts.identity)["title"] == f"s{number}"
        assert json.loads(texts.format)["json_schema"]["name"] == f"s{number}"


def test_bounds_are_left_out_where_servers_do_not_know_them() -> None:
    bounded = {"title": "a", "properties": {"title": {"type": "string", "maxLength": 3}}}

    plain = json.loads(schema_of(bounded).format_without_bounds)["json_schema"]

    assert plain == {"name": "a", "schema": {"properties": {"title": {"type": "string"}}}, "strict": False}
