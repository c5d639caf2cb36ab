"""Documented functions of other languages than Python, out of tree-sitter's syntax trees; nothing is run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from evergrow.resources.seeds.languages import MAX_ERRORS, Grammar, errors, parser_of

IN_CLASSES_ONLY = {"java", "csharp"}  # their functions stand in classes: static ones lean on nothing else
WRAPPERS = {"export_statement", "template_declaration", "global_statement"}
FUNCTION_VALUES = {"arrow_function", "function_expression", "generator_function"}
WORDS = re.compile(r"[^\W\d_]{2,}")
MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class with its comment: `name` is dotted where it stands in something, `line` counts from 1."""

    name: str
    line: int
    source: str


def definitions(text: str, grammar: Grammar, *, methods: bool, classes: bool) -> list[Definition]:
    """The documented functions of `text`, in their order.

    Args:
        text: a source file.
        grammar: its language.
        methods: those of classes as well; without, of Java and C# the static ones.
        classes: whole documented classes as well.

    Raises:
        ValueError: the parser cannot place more than a few of its bytes.
    """
    data = text.encode()
    root = parser_of(grammar).parse(data).root_node
    wrong = sum(node.end_byte - node.start_byte for node in errors(root))
    if wrong > MAX_ERRORS * len(data):
        raise ValueError(f"{wrong:,} of {len(data):,} bytes are no {grammar.name} that its parser knows")
    return list(_within(root, data, grammar, (), methods=methods, classes=classes))


def _within(
    node: Node, data: bytes, grammar: Grammar, inside: tuple[str, ...], *, methods: bool, classes: bool
) -> Iterator[Definition]:
    for child in node.named_children:
        inner = _unwrapped(child)
        name = _name(inner)
        is_type = inner.type in grammar.classes or inner.type in {"impl_item", "class_specifier", "struct_specifier"}
        if _is_function(inner, grammar):
            if name and (not inside or methods or _is_static(inner, data, grammar)):
                yield from _documented(child, data, (*inside, name))
        elif is_type and classes and name:
            yield from _documented(child, data, (*inside, name))
        if inner.type in grammar.holders and len(inside) < MAX_DEPTH:
            below = (*inside, name) if is_type and name else inside
            yield from _within(inner, data, grammar, below, methods=methods, classes=classes)


def _unwrapped(node: Node) -> Node:
    while node.type in WRAPPERS:
        last = node.child_by_field_name("declaration") or (node.named_children[-1] if node.named_children else None)
        if last is None:
            return node
        node = last
    return node


def _is_function(node: Node, grammar: Grammar) -> bool:
    if node.type in grammar.functions:
        return node.child_by_field_name("body") is not None
    value = _declared_value(node)
    return value is not None and value.type in FUNCTION_VALUES


def _declared_value(node: Node) -> Node | None:
    """What `const f = ...` sets, if it sets one thing."""
    if node.type not in {"lexical_declaration", "variable_declaration"} or len(node.named_children) != 1:
        return None
    return node.named_children[0].child_by_field_name("value")


def _name(node: Node) -> str | None:
    found: Node | None = node.named_children[0] if _declared_value(node) is not None else node
    for _ in range(MAX_DEPTH):
        if found is None:
            return None
        following = found.child_by_field_name("name") or found.child_by_field_name("declarator")
        if following is None:
            break
        found = following
    if found is None or found is node:
        found = node.child_by_field_name("type")
    return found.text.decode(errors="replace") if found is not None and found.text else None


def _is_static(node: Node, data: bytes, grammar: Grammar) -> bool:
    body = node.child_by_field_name("body")
    head = data[node.start_byte : body.start_byte if body else node.end_byte]
    return grammar.name in IN_CLASSES_ONLY and re.search(rb"\bstatic\b", head) is not None


def _documented(outer: Node, data: bytes, name: tuple[str, ...]) -> Iterator[Definition]:
    """The definition with the comments right above it, if those hold words."""
    first, comments = outer, []
    above = outer.prev_sibling
    while above is not None and _touches(above, first):
        if "comment" in above.type:
            comments.append(above)
        elif above.type != "attribute_item":
            break
        first, above = above, above.prev_sibling
    if not any(comment.text and WORDS.search(comment.text.decode(errors="replace")) for comment in comments):
        return
    start = data.rfind(b"\n", 0, first.start_byte) + 1
    begin = start if not data[start : first.start_byte].strip() else first.start_byte
    source = data[begin : outer.end_byte].decode(errors="replace")
    yield Definition(".".join(part for part in name), first.start_point[0] + 1, _dedented(source).rstrip())


def _touches(above: Node, below: Node) -> bool:
    """Whether nothing stands between the two but at most the end of a line."""
    end = above.end_point[0] - (1 if above.end_point[1] == 0 else 0)
    return below.start_point[0] - end <= 1


def _dedented(source: str) -> str:
    lines = source.split("\n")
    filled = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    return "\n".join(line[margin:] if line.strip() else "" for line in lines)
