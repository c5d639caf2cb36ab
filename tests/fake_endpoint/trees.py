"""Answers to the questions of a growing tree, which must hold together more than a schema can say."""

import random
from collections.abc import Mapping
from typing import Any

from tests.fake_endpoint.answers import DEMANDS, sentence, value

ASPECTS = ("season", "material", "audience", "scale", "origin", "purpose", "texture", "tempo", "region", "era")
KINDS = ("wooden", "silent", "coastal", "double", "paper", "winter", "urban", "liquid", "early", "remote", "woven")
THINGS = (
    "ladder",
    "harbour",
    "signal",
    "garden",
    "engine",
    "market",
    "mirror",
    "bridge",
    "kettle",
    "archive",
    "lantern",
)


def name(draw: random.Random) -> str:
    """A name of two words and a number, which hardly ever comes twice."""
    return f"{draw.choice(KINDS)} {draw.choice(THINGS)} {draw.randint(1, 99_999)}"


def split(schema: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """A dimension whose two to four values share out all the numbers."""
    numbers = list(range(1, schema["properties"]["values"]["maxItems"] + 1))
    draw.shuffle(numbers)
    groups = min(len(numbers), draw.randint(2, 4))
    parts = [sorted(numbers[place::groups]) for place in range(groups)]
    values = [{"value": name(draw), "samples": part} for part in parts]
    return {"dimension": f"{draw.choice(ASPECTS)} of the {name(draw)}", "values": values}


def completion(_: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """Mostly a complete list, sometimes more to come, sometimes nothing missing."""
    status = draw.choices(("done", "full", "more"), (6, 2, 2))[0]
    count = {"done": draw.randint(0, 2), "full": 0, "more": draw.randint(1, 2)}[status]
    return {"status": status, "values": [name(draw) for _ in range(count)]}


def adherence(_: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """Mostly nothing missing."""
    return {"why": sentence(draw), "missing": [] if draw.random() < 0.98 else [1]}


def fields(schema: Mapping[str, Any], draw: random.Random) -> Any:
    """As the schema says, with short phrases for actions and answers, and shortish texts."""
    if schema.get("type") == "object":
        return {key: fields({**part, "_name": key}, draw) for key, part in schema["properties"].items()}
    if schema.get("type") == "array" and schema.get("items", {}).get("type") == "object":
        return [fields(schema["items"], draw) for _ in range(schema.get("minItems", 1))]
    if schema.get("_name", "").endswith(("action", "answer")):
        return f"{draw.choice(DEMANDS)} {draw.randint(2, 9999)} times"
    if schema.get("type") == "string":
        first, second, third = draw.sample(DEMANDS, 3)
        return f"Story {draw.randint(1, 99_999)}: {first}, {second}, then {third}, {draw.randint(2, 9999)} times."
    return value(schema, draw)


def ratings(schema: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """A judge's ratings of a task that is fit to be solved: all flags up, numbers as they come."""
    return {**value(schema, draw), "well_posed": True, "solvable": True, "checkable": True}


def route(schema: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """One of the values; never the last choice, that none fits."""
    return {"why": sentence(draw), "value": draw.choice(schema["properties"]["value"]["enum"][:-1])}


def aware(schema: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    """A story that holds its clue."""
    found: dict[str, Any] = fields(schema, draw)
    return {**found, "story": f"{found['clue']} {found['story']}"}


ANSWERS = {
    "ratings": ratings,
    "placement": ratings,
    "route": route,
    "split": split,
    "completion": completion,
    "adherence": adherence,
    "samples": fields,
    "aware": aware,
}
