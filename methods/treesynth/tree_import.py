"""A tree of somebody else's as one of ours: its texts get their fields back, values that say the same become one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evergrow.methods.text.counts import counted
from evergrow.methods.text.fold import fold
from evergrow.methods.treesynth.domain import Domain
from evergrow.methods.treesynth.reference_files import MAX_TREE_DEPTH, parse_tree, value_of
from evergrow.methods.treesynth.restoration import restored


def taken_over(
    data: bytes, name: str, domain: Domain, seed: int, rows: Mapping[str, Mapping[str, Any]]
) -> tuple[bytes, list[str]]:
    """An `output.json` with records of its samples, and what had to be changed in it, in words.

    Of siblings whose values differ in case, punctuation or a plural only, those without children are merged into the
    first; one with children keeps its own subtree and is told apart by a number. What the file says beyond that is not
    checked here; see `read_output`.

    Args:
        data: the file.
        name: the file's, for messages.
        domain: of the tree.
        seed: of the tree's draws.
        rows: rows of the file's `result.jsonl` by story; see `rows_by_story`.

    Raises:
        TreeFileError: it is not JSON, or not such a tree.
    """
    top, notes = parse_tree(data, name), list[str]()
    _take(top, domain, seed, (rows, notes), 0)
    notes += _known_as_texts(top, domain)
    return json.dumps(top, ensure_ascii=False).encode(), notes


def _take(node: Any, domain: Domain, seed: int, told: tuple[Mapping[str, Any], list[str]], depth: int) -> None:  # noqa: ANN401 - JSON
    if not isinstance(node, dict) or depth > MAX_TREE_DEPTH:
        return
    rows, notes = told
    below, texts = node.get("children"), node.get("samples")
    if isinstance(below, list) and below and all(isinstance(part, dict) for part in below):
        _distinguish(node, notes)
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        records = node.get("records")
        known = records if isinstance(records, list) and len(records) == len(texts) else [None] * len(texts)
        if records is not None and known is not records:
            notes.append(f"the records of {value_of(node)!r} are left out: there is not one for each of its samples")
        node["records"] = [
            record or _record(domain, text, seed, rows) for record, text in zip(known, texts, strict=True)
        ]
    for part in node["children"] if isinstance(below, list) else ():
        _take(part, domain, seed, told, depth + 1)


def _known_as_texts(top: Any, domain: Domain) -> list[str]:  # noqa: ANN401 - JSON
    """A sentence where fields of samples could not be told."""
    records = [record for node in _nodes(top) for record in node.get("records") or ()]
    unknown = sum(not record for record in records)
    if not unknown:
        return []
    why = "match none of the patterns that the domain's key `imports` has, or break its rules"
    if domain.choices:
        why = "have no row of their story in a result.jsonl beside the file, or break a rule of the domain"
    return [f"known as texts, without fields: {unknown:,} of {counted(len(records), 'samples')}, which {why}"]


def _nodes(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """A node and all below it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            below = one.get("children")
            waiting += below if isinstance(below, list) else []


def _record(domain: Domain, text: str, seed: int, rows: Mapping[str, Any]) -> dict[str, Any] | None:
    sample = restored(domain, text, seed, rows)
    if not sample.fields:
        return None
    return {"fields": json.loads(sample.fields), **({"letter": sample.letter} if sample.letter else {})}


def _distinguish(node: dict[str, Any], notes: list[str]) -> None:
    """Let no two children of a node have values that say the same."""
    stays: dict[str, dict[str, Any]] = {}
    merged: list[dict[str, str]] = []
    for part in node["children"]:
        value = value_of(part)
        if not isinstance(value, str):
            return
        first = stays.setdefault(fold(value), part)
        if first is part:
            continue
        into = str(value_of(first))
        if not part.get("children") and not first.get("children"):
            _join(first, part)
            merged.append({"value": value, "into": into})
            notes.append(f"{value!r} is merged into {into!r}, which says the same")
        else:
            number = next(n for n in range(2, len(node["children"]) + 2) if fold(f"{value} {n}") not in stays)
            named = f"{value} ({number})"
            part["attribute_value" if "attribute_value" in part else "attribute"] = named
            stays[fold(named)] = part
            notes.append(f"{value!r} is called {named!r} now, for {into!r} says the same")
    node["children"] = list(stays.values())
    if merged:
        node["merged"] = [*(node.get("merged") or []), *merged]


def _join(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Give the texts of `second` to `first`, with their records."""
    texts = [part.get("samples") if isinstance(part.get("samples"), list) else None for part in (first, second)]
    if texts == [None, None]:
        return
    records = [
        part["records"]
        if isinstance(part.get("records"), list) and len(part["records"]) == len(held or ())
        else [None] * len(held or ())
        for part, held in zip((first, second), texts, strict=True)
    ]
    first["samples"] = [*(texts[0] or ()), *(texts[1] or ())]
    first["records"] = [*records[0], *records[1]]
