"""Untrusted text as a person is shown it: without the characters that command a terminal or a page, or hide."""

UNSEEN = "\N{REPLACEMENT CHARACTER}"


def visible(text: str) -> str:
    """`text` with a mark in place of each control or format character: escapes, turns of direction, NUL."""
    return "".join(c if c.isprintable() or c in "\n\t" else UNSEEN for c in text)


def shown(value: object) -> object:
    """`visible` for a template: plain text made so, anything else, such as markup of our own, as it is."""
    return visible(value) if type(value) is str else value
