"""YAML of others, read without what makes a small text large: no aliases, and no deeper than a person writes."""

from typing import Any, cast

import yaml

MAX_DEPTH = 64
MAX_VALUES = 100_000  # of a text with aliases, each counted as often as it stands somewhere
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

    What its aliases stand for counts where they stand: a few lines of them are more than fits into memory.

    Raises:
        UnplainError: one does, or its aliases stand for too much.
        yaml.YAMLError: it is no YAML.
    """
    known: dict[str, tuple[int, int]] = {}  # of each anchor: levels, values
    path: list[tuple[str | None, int, int]] = [(None, 0, 0)]  # of each open collection: its anchor, levels, values
    aliases = False
    for event in yaml.parse(text, Loader=IN_C):
        anchor, levels, values = getattr(event, "anchor", None), 0, 0
        if isinstance(event, yaml.CollectionStartEvent):
            path.append((anchor, 0, 0))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, below, values = path.pop()
            levels, values = below + 1, values + 1
        elif isinstance(event, yaml.ScalarEvent):
            values = 1
        elif isinstance(event, yaml.AliasEvent):
            aliases, of_itself = True, anchor in [above for above, _, _ in path]
            levels, values = (MAX_DEPTH + 1, 0) if of_itself else known.get(str(anchor), (0, 0))
        if anchor is not None and values and not isinstance(event, yaml.AliasEvent):
            known[anchor] = levels, values
        above, deepest, many = path[-1]
        path[-1] = above, max(deepest, levels), many + values
        mark = cast("yaml.Mark | None", event.start_mark)  # of the reader in C, of the same fields
        if len(path) - 1 + levels > MAX_DEPTH:
            raise UnplainError(problem=f"is nested deeper than {MAX_DEPTH} levels", problem_mark=mark)
        if aliases and path[-1][2] > MAX_VALUES:
            raise UnplainError(problem=f"has aliases that stand for more than {MAX_VALUES:,} values", problem_mark=mark)


def composed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a text, and what they say.

    Raises:
        yaml.YAMLError: it is no YAML, or none that is read.
    """
    node: yaml.Node | None = yaml.compose(text, Loader=PlainLoader)
    return node, yaml.load(text, PlainLoader)  # noqa: S506 - a safe loader
