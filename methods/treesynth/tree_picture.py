"""A tree to look at: as text, as a picture (SVG), and its leaves' sizes as a histogram. All names are escaped."""

from collections.abc import Mapping, Sequence

import polars as pl

from evergrow.methods.text.counts import counted
from evergrow.methods.text.svg import GREEN, LIGHT, RED, Drawing, shortened
from evergrow.methods.treesynth.evenness import histogram

MOST_LINES = 400
ROW_HEIGHT, INDENT = 18, 22
COLOURS = {"inner": GREEN, "leaf": LIGHT}  # of nodes; one that failed is red
BAR = 40


def text_tree(nodes: pl.DataFrame, rows: Mapping[str, int] | None = None, most: int = MOST_LINES) -> str:
    """The tree as lines of box-drawing characters, the root first; after `most` nodes the rest is counted.

    Args:
        nodes: the rows of all levels.
        rows: how many rows each leaf holds, where that is known.
        most: nodes drawn.
    """
    lines = [f"{prefix}{label}" for prefix, label, _ in _walk(nodes, rows, most)]
    if nodes.height > most:
        lines.append(f"... and {counted(nodes.height - most, 'more nodes')}")
    return "\n".join(lines)


def picture(nodes: pl.DataFrame, rows: Mapping[str, int] | None = None, most: int = MOST_LINES) -> str:
    """The tree as an SVG picture: one line a node, indented by depth, inner nodes dark and leaves light."""
    walked = _walk(nodes, rows, most)
    place = {node: number for number, (_, _, node) in enumerate(walked)}
    known = {row["id"]: row for row in nodes.select("id", "depth", "state", "parent_id").iter_rows(named=True)}
    drawing = Drawing()
    for number, (_, label, name) in enumerate(walked):
        node = known[name]
        x, y = node["depth"] * INDENT + 10, number * ROW_HEIGHT + 14
        if (above := place.get(node["parent_id"] or "")) is not None:
            drawing.branch(x - INDENT, above * ROW_HEIGHT + 18, x - 5, y)
        drawing.dot(x, y, COLOURS.get(node["state"], RED))
        drawing.text(x + 9, y + 4, label)
    if nodes.height > most:
        drawing.text(10, len(walked) * ROW_HEIGHT + 18, f"and {counted(nodes.height - most, 'more nodes')}")
    return drawing.svg()


def text_histogram(counts: Sequence[int]) -> str:
    """How many leaves hold how many rows, one line a bin."""
    bins = histogram(counts)
    most = max((leaves for _, _, leaves in bins), default=0)
    spans = [counted(low, "rows") if low == high else f"{low}-{high} rows" for low, high, _ in bins]
    wide = max(map(len, spans), default=0)
    return "\n".join(
        f"{span:>{wide}} | {'█' * -(-leaves * BAR // most)} {leaves} {'leaf' if leaves == 1 else 'leaves'}"
        for span, (_, _, leaves) in zip(spans, bins, strict=True)
    )


def _walk(nodes: pl.DataFrame, rows: Mapping[str, int] | None, most: int) -> list[tuple[str, str, str]]:
    """`(prefix, label, id)` in the order of drawing, at most `most`."""
    below: dict[str | None, list[dict[str, object]]] = {}
    columns = ("id", "parent_id", "place", "path", "state", "leaf_reason", "split_dimension", "reason")
    present = [c for c in columns if c in nodes.columns]
    for row in nodes.select(present).sort("place", maintain_order=True).iter_rows(named=True):
        below.setdefault(row["parent_id"], []).append(row)
    drawn: list[tuple[str, str, str]] = []
    stack = [("", "", row) for row in reversed(below.get(None, []))]
    while stack and len(drawn) < most:
        prefix, indent, row = stack.pop()
        drawn.append((prefix, _label(row, rows), str(row["id"])))
        under = below.get(str(row["id"]), [])
        for number, child in reversed(list(enumerate(under))):
            last = number == len(under) - 1
            stack.append((f"{indent}{'└─ ' if last else '├─ '}", f"{indent}{'   ' if last else '│  '}", child))
    return drawn


def _label(row: Mapping[str, object], rows: Mapping[str, int] | None) -> str:
    path = row["path"]
    edge = path[-1] if isinstance(path, list) and path else None
    values = list(edge["values"]) if edge else []
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    name = f"one of {' | '.join(values[:3])}{more}" if len(values) > 1 else (values or ["the whole space"])[0]
    label = shortened(name)
    if row.get("reason"):
        return f"{label} [{shortened(str(row['reason']))}]"
    if row["state"] == "inner":
        return f"{label} > {shortened(str(row['split_dimension']))}"
    count = rows.get(str(row["id"]), 0) if rows is not None else 0
    held = f", {count:,} row{'' if count == 1 else 's'}" if rows is not None else ""
    return f"{label} (leaf: {row['leaf_reason']}{held})"
