"""YAML of others, read without what makes a small text large: no aliases, and no deeper than a person writes."""

from typing import Any, cast

import yaml

MAX_DEPTH = 64
IN_C = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # reads a file in a sixth of the time


class UnplainError(yaml.MarkedYAMLError):
    """The text is YAML that is not read: it has an alias, or is nested too deep."""


class PlainLoader(yaml.SafeLoader):
    """Refuses aliases, a few of which stand for more than fits into memory, and texts that are nested for ever."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node. Raises UnplainError."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise UnplainError(problem="has an alias: write out what it stands for", problem_mark=mark)
        if self._depth >= MAX_DEPTH:
            raise UnplainError(problem=f"is nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def require_shallow(text: str) -> None:
    """Do nothing if no value of a text lies deeper than a person writes: what reads YAML goes down by recursion.

    Raises:
        UnplainError: one does.
        yaml.YAMLError: it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=IN_C):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            mark = cast("yaml.Mark | None", event.start_mark)  # of the reader in C, of the same fields
            raise UnplainError(problem=f"is nested deeper than {MAX_DEPTH} levels", problem_mark=mark)


def composed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a text, and what they say.

    Raises:
        yaml.YAMLError: it is no YAML, or none that is read.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=PlainLoader)
    return node, yaml.load(text, PlainLoader)  # noqa: S506 - a safe loader
