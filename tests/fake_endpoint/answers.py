"""Values that satisfy a JSON schema, drawn from a generator: readable text, numbers and lists within their bounds."""

import random
from collections.abc import Mapping
from typing import Any

TASKS = (
    "Write a function that merges overlapping reservations", "Implement a parser for quoted configuration lines",
    "Design a cache that evicts the entry with the lowest benefit", "Create a scheduler that assigns jobs to machines",
    "Build a validator for nested shopping carts", "Develop a routine that schedules irrigation across fields",
    "Compose a query planner for a column store", "Produce a tokenizer for chemical formulas",
    "Write a simulator of elevators in a tall building", "Implement a diff of two directory trees",
    "Design a rate limiter shared by several tenants", "Create an index for phrases in a music archive",
    "Build a translator from musical scores to frequencies", "Develop a planner for bicycle deliveries",
    "Compose a checker for railway timetables", "Produce a summary of sensor drift in a greenhouse",
    "Write a solver for crossword fills", "Implement an allocator for hospital beds",
    "Design a codec for sparse genome variants", "Create a ranking of football teams after each match day",
    "Build a detector of duplicate invoices", "Develop a renderer of topographic contour lines",
    "Compose a ledger that reconciles foreign currencies", "Produce a compiler for a tiny robot language",
)  # fmt: skip
SOURCES = (
    "read from a stream of timestamped events", "given as rows of a spreadsheet with missing cells",
    "kept in a graph whose edges change every minute", "received over a slow and lossy radio link",
    "stored in archives that do not fit in memory", "typed by visitors in several languages",
    "exported from a legacy mainframe in fixed columns", "collected by drones above a vineyard",
    "recorded by a telescope during one night", "sorted by priority and then by arrival",
    "described by a grammar that users may extend", "sampled at random from a lottery of letters",
    "measured by thermometers in the deep sea", "loaded from a museum's catalogue of paintings",
    "taken from the chat of an online chess club", "assembled from fragments of ancient pottery",
)  # fmt: skip
DEMANDS = (
    "handle ties by the earliest date", "reject cycles with a helpful message", "run in linear time",
    "keep the original order of equal entries", "work with half-open intervals", "respect a budget of forty credits",
    "report every violated rule at once", "support undo of the last three steps", "tolerate clocks that run backwards",
    "round amounts to the nearest penny", "never hold more than two pages in memory", "explain each decision",
    "resume after a power cut", "treat upper and lower case alike", "prefer the shortest path through the valley",
    "spread the load evenly over weekdays", "ignore records older than a year", "return the result as a nested mapping",
    "limit recursion to twelve levels", "merge neighbours that share a border", "count each visitor once",
    "protect the names of patients", "allow wildcards at the end of a word", "stop at the first contradiction",
)  # fmt: skip


def sentence(draw: random.Random, max_length: int | None = None) -> str:
    """A readable task of about 30 to 60 words, cut at `max_length` characters."""
    demands = draw.sample(DEMANDS, draw.randint(3, 6))
    figures = f"Use at most {draw.randint(2, 90)} buckets for {draw.randint(100, 9999)} items"
    text = (
        f"{draw.choice(TASKS)} {draw.choice(SOURCES)}. It must {', '.join(demands[:-1])} and {demands[-1]}. {figures}."
    )
    return text[:max_length]


def value(schema: Mapping[str, Any], draw: random.Random, root: Mapping[str, Any] | None = None) -> Any:
    """A value that satisfies `schema`: type, bounds, enum, const, properties, unions (their first part), references."""
    root = root or schema
    if "$ref" in schema:
        return value(_resolve(schema["$ref"], root), draw, root)
    union = next((schema[word] for word in ("anyOf", "oneOf", "allOf") if word in schema), None)
    if union:
        return value(union[0], draw, root)
    if "enum" in schema or "const" in schema:
        return draw.choice(schema["enum"]) if "enum" in schema else schema["const"]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: value(part, draw, root) for name, part in schema.get("properties", {}).items()}
    return _array(schema, draw, root) if kind == "array" else _scalar(kind, schema, draw)


def _scalar(kind: str, schema: Mapping[str, Any], draw: random.Random) -> str | float | bool | None:
    match kind:
        case "integer":
            return draw.randint(*_bounds(schema, 0, 10))
        case "number":
            low, high = _bounds(schema, 0, 10)
            return round(draw.uniform(low, high), 1) if high - low > 1 else draw.uniform(low, high)
        case "boolean":
            return draw.random() < 0.5
        case "null":
            return None
        case _:
            return sentence(draw, schema.get("maxLength"))


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return dict(node)


def _array(schema: Mapping[str, Any], draw: random.Random, root: Mapping[str, Any]) -> list[Any]:
    fewest = schema.get("minItems", 2)
    length = draw.randint(fewest, max(fewest, min(schema.get("maxItems", fewest + 2), fewest + 4)))
    items = schema.get("items", {"type": "string", "maxLength": 40})
    if items.get("type") == "string" and "enum" not in items:
        return [text[: items.get("maxLength", 60)] for text in draw.sample(DEMANDS, min(length, len(DEMANDS)))]
    return [value(items, draw, root) for _ in range(length)]


def _bounds(schema: Mapping[str, Any], low: int, high: int) -> tuple[int, int]:
    return int(schema.get("minimum", low)), int(schema.get("maximum", max(high, schema.get("minimum", low))))
