"""Trees of others, as TreeSynth's `output.json`: nested names, mappings, paths, parents, and outlines in words."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from evergrow.methods.text.plain_yaml import PlainLoader, UnplainError
from evergrow.methods.treesynth.reference_files import MAX_TREE_DEPTH, TreeFileError

MAX_BYTES = 20_000_000
NAMES = ("name", "topic", "title", "label", "text", "value", "id")
BELOW = ("children", "subtopics", "topics", "items", "nodes", "subcategories", "categories")
PARENTS = ("parent", "parent_id", "parentId")
SEPARATORS = (" > ", " / ", " :: ", "/")
ITEM = re.compile(r"^([ \t]*)(?:[-*+]|\d+[.)])[ \t]*(.*)$")
HEADING = re.compile(r"^(#{1,6})[ \t]*(.*)$")


@dataclass(slots=True)
class Topic:
    """A named node; `place` says where it stands in its file."""

    name: str
    place: str
    below: list["Topic"] = field(default_factory=list)


def as_output(data: bytes, name: str) -> bytes:
    """`data` as an `output.json`: unchanged if it is one, else converted from one of the forms of others.

    Known are objects with a name and children (D3), nested mappings and lists of topics (JSON or YAML), records that
    name their parent, paths with `/` or `>`, and outlines: Markdown, or lines that are indented. The topics below one
    become the values of one dimension, which is named after it; the root's own name is left to the domain.

    Raises:
        TreeFileError: it is none of these, or no tree: a topic is empty, stands twice below one, has two parents, or
            is its own ancestor. The message names it.
    """
    if len(data) > MAX_BYTES:
        raise TreeFileError(f"{name}: has {len(data):,} bytes, and a tree has {MAX_BYTES:,} at most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TreeFileError(f"{name}: is no UTF-8 text (byte {error.start:,})") from error
    loaded = _loaded(text, name)
    if _is_output(loaded):
        return data
    try:
        top = _lines(text) if isinstance(loaded, str) or loaded is None else _read(loaded)
        while len(top) == 1 and top[0].below:
            top = top[0].below  # the name of the whole is the domain's
        if len(top) < 2:
            raise _NoTreeError(
                "has fewer than two topics: it needs a name with children, a mapping, paths or an outline"
            )
        made = {"attribute_value": None, "dimension": None, "samples": None, "children": _children(top, "", 1)}
    except _NoTreeError as error:
        raise TreeFileError(f"{name}: {error}") from error
    except RecursionError as error:
        raise TreeFileError(f"{name}: the tree is deeper than {MAX_TREE_DEPTH} levels") from error
    return json.dumps(made, ensure_ascii=False, indent=2).encode() + b"\n"


class _NoTreeError(Exception):
    """What was read is no tree; the message names the place."""


class _Loader(PlainLoader):
    """Refuses doubled keys too."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001
        keys = [key.value for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise _NoTreeError(f"line {node.start_mark.line + 1}: the topic {twice!r} stands twice below one")
        return super().construct_mapping(node, deep)


def _loaded(text: str, name: str) -> Any:  # noqa: ANN401 - JSON or YAML
    """What the text is as JSON or YAML; a text where it is neither."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise TreeFileError(f"{name}: the tree is deeper than {MAX_TREE_DEPTH} levels") from error
    except ValueError as error:
        if text.lstrip()[:1] in {"{", "["}:
            raise TreeFileError(f"{name}: is not JSON: {error}") from error
    if name.lower().endswith((".md", ".markdown")) or HEADING.search(text.lstrip().partition("\n")[0]):
        return text
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except UnplainError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise TreeFileError(f"{name}: line {line} {error.problem}") from error
    except yaml.YAMLError:
        return text
    except _NoTreeError as error:
        raise TreeFileError(f"{name}: {error}") from error


def _is_output(loaded: Any) -> bool:  # noqa: ANN401 - JSON
    if not isinstance(loaded, Mapping) or "children" not in loaded:
        return False
    below = loaded["children"]
    return not isinstance(below, list) or not below or "samples" in loaded or _has_dimension(below[0])


def _has_dimension(child: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(child, Mapping) and "dimension" in child


def _read(loaded: Any) -> list[Topic]:  # noqa: ANN401 - JSON or YAML
    if isinstance(loaded, list) and loaded:
        if all(isinstance(entry, Mapping) and any(key in entry for key in PARENTS) for entry in loaded[1:] or loaded):
            return _by_parents(loaded)
        separator = next(
            (s for s in SEPARATORS if all(isinstance(e, str) for e in loaded) and s in "\n".join(loaded)), None
        )
        if separator:
            return _by_paths([(f"entry {n}", path) for n, path in enumerate(loaded, start=1)], separator)
    return list(_nested(loaded, "the root"))


def _nested(value: Any, place: str) -> Iterator[Topic]:  # noqa: ANN401 - JSON or YAML
    if isinstance(value, Mapping):
        named = next((key for key in NAMES if isinstance(value.get(key), str | int | float)), None)
        below = next((key for key in BELOW if isinstance(value.get(key), list | Mapping)), None)
        if named is not None or below is not None:
            inner = list(_nested(value[below], f"{place}.{below}")) if below else []
            if named is None:
                if place == "the root":
                    yield from inner
                    return
                raise _NoTreeError(f"{place} has no name: give it one of {', '.join(NAMES[:4])}")
            yield Topic(_named(value[named], place), place, inner)
            return
        for key, inner_value in value.items():
            yield Topic(_named(key, place), f"{place}.{key}", list(_nested(inner_value, f"{place}.{key}")))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _nested(entry, f"{place}[{number}]")
    elif value is not None:
        yield Topic(_named(value, place), place)
    elif place.endswith("]"):
        raise _NoTreeError(f"{place} is an empty topic: name it, or delete it")


def _named(value: Any, place: str) -> str:  # noqa: ANN401 - JSON or YAML
    text = " ".join(str(value).split())
    if not text:
        raise _NoTreeError(f"{place} is an empty topic: name it, or delete it")
    return text


def _by_parents(records: Sequence[Mapping[str, Any]]) -> list[Topic]:
    topics: dict[str, Topic] = {}
    parents: dict[str, str | None] = {}
    for number, record in enumerate(records, start=1):
        named = next((key for key in NAMES if record.get(key) not in {None, ""}), None)
        if named is None:
            raise _NoTreeError(f"record {number} is an empty topic: name it, or delete it")
        key = str(record["id"] if record.get("id") is not None else record[named])
        parent = next((record[p] for p in PARENTS if record.get(p) not in {None, ""}), None)
        if key in topics:
            both = f"{parents[key]!r} and {parent!r}"
            raise _NoTreeError(f"topic {key!r} stands twice, below {both}: a topic has one parent")
        topics[key], parents[key] = (
            Topic(_named(record[named], f"record {number}"), key),
            None if parent is None else str(parent),
        )
    for key, parent in parents.items():
        if parent is not None and parent not in topics:
            raise _NoTreeError(f"topic {key!r} names the parent {parent!r}, which there is not")
        if parent is not None:
            topics[parent].below.append(topics[key])
    _refuse_cycles(parents)
    return [topics[key] for key, parent in parents.items() if parent is None]


def _refuse_cycles(parents: Mapping[str, str | None]) -> None:
    sound: set[str] = set()
    for start in parents:
        seen: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in sound:
            if at in seen:
                ring = [*list(seen)[list(seen).index(at) :], at]
                raise _NoTreeError(f"topic {at!r} is its own ancestor: {' -> '.join(ring[:8])}")
            seen[at] = None
            at = parents[at]
        sound.update(seen)


def _by_paths(paths: Sequence[tuple[str, str]], separator: str) -> list[Topic]:
    top = Topic("", "")
    for place, path in paths:
        at = top
        for part in path.strip().strip("/" if separator == "/" else "").split(separator):
            name = _named(part, place)
            found = next((topic for topic in at.below if topic.name == name), None)
            if found is None:
                found = Topic(name, place)
                at.below.append(found)
            at = found
    return top.below


def _lines(text: str) -> list[Topic]:
    """Topics of paths or of an outline, line by line."""
    lines = [(number, line.rstrip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    plain = not any(ITEM.match(line) or HEADING.match(line) or line[0] in " \t" for _, line in lines)
    separator = next((s for s in SEPARATORS if plain and all(s in line for _, line in lines)), None)
    separator = separator or next((s for s in SEPARATORS if plain and any(s in line for _, line in lines)), None)
    if separator:
        return _by_paths([(f"line {number}", line) for number, line in lines], separator)
    top = Topic("", "")
    open_topics: list[tuple[int, Topic]] = [(-1, top)]
    heading_depth = 0
    for number, line in lines:
        heading, item = HEADING.match(line), ITEM.match(line)
        if heading:
            heading_depth = len(heading[1])
            depth, words = heading_depth, heading[2]
        elif item:
            depth, words = 100 * (heading_depth + 1) + len(item[1].expandtabs(4)), item[2]
        else:
            depth, words = 100 * (heading_depth + 1) + len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip()), line
        topic = Topic(_named(words, f"line {number}"), f"line {number}")
        while open_topics[-1][0] >= depth:
            open_topics.pop()
        open_topics[-1][1].below.append(topic)
        open_topics.append((depth, topic))
    return top.below


def _children(topics: Sequence[Topic], parent: str, depth: int) -> list[dict[str, Any]]:
    if depth > MAX_TREE_DEPTH:
        raise _NoTreeError(f"{topics[0].place}: the tree is deeper than {MAX_TREE_DEPTH} levels")
    seen: dict[str, str] = {}
    for topic in topics:
        if topic.name.casefold() in seen:
            where = f"below {parent!r}" if parent else "at the top"
            raise _NoTreeError(
                f"{topic.place}: the topic {topic.name!r} stands twice {where} ({seen[topic.name.casefold()]})"
            )
        seen[topic.name.casefold()] = topic.place
    dimension = f"Topic within {parent}" if parent else "Topic"
    return [
        {
            "attribute_value": topic.name,
            "dimension": dimension,
            "samples": None,
            "children": _children(topic.below, topic.name, depth + 1) if topic.below else [],
        }
        for topic in map(_joined, topics)
    ]


def _joined(topic: Topic) -> Topic:
    """A topic with one topic below it as one of both names: one value divides nothing."""
    while len(topic.below) == 1:
        only = topic.below[0]
        topic = Topic(f"{topic.name}: {only.name}", topic.place, only.below)
    return topic
