"""A tree to look at: as text, as a picture (SVG), and its leaves' sizes as a histogram. All names are escaped."""

from collections.abc import Mapping, Sequence
from html import escape

import polars as pl

from evergrow.methods.treesynth.measures import histogram

MOST_LINES = 400
LABEL_CHARS = 60
ROW_HEIGHT, INDENT, CHAR_WIDTH = 18, 22, 7
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
        lines.append(f"... and {nodes.height - most:,} more nodes")
    return "\n".join(lines)


def picture(nodes: pl.DataFrame, rows: Mapping[str, int] | None = None, most: int = MOST_LINES) -> str:
    """The tree as an SVG picture: one line a node, indented by depth, inner nodes dark and leaves light."""
    drawn = _walk(nodes, rows, most)
    depths = dict(zip(nodes["id"].to_list(), nodes["depth"].to_list(), strict=True))
    states = dict(zip(nodes["id"].to_list(), nodes["state"].to_list(), strict=True))
    place = {node: number for number, (_, _, node) in enumerate(drawn)}
    parent = dict(zip(nodes["id"].to_list(), nodes["parent_id"].to_list(), strict=True))
    width = max(depths[n] * INDENT + 24 + len(label) * CHAR_WIDTH for _, label, n in drawn) if drawn else 100
    parts = []
    for number, (_, label, node) in enumerate(drawn):
        x, y = depths[node] * INDENT + 10, number * ROW_HEIGHT + 14
        if (above := place.get(parent[node] or "")) is not None:
            parts.append(f'<path d="M{x - INDENT} {above * ROW_HEIGHT + 18}V{y}H{x - 5}" fill="none" stroke="#999"/>')
        fill = "#2f6f4f" if states[node] == "inner" else "#9fd3a8" if states[node] == "leaf" else "#c0392b"
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{fill}"/>')
        parts.append(f'<text x="{x + 9}" y="{y + 4}">{escape(_printable(label))}</text>')
    height = len(drawn) * ROW_HEIGHT + 12
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="12">'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'


def text_histogram(counts: Sequence[int]) -> str:
    """How many leaves hold how many rows, one line a bin."""
    bins = histogram(counts)
    most = max((leaves for _, _, leaves in bins), default=0)
    spans = [f"{low}" if low == high else f"{low}-{high}" for low, high, _ in bins]
    wide = max(map(len, spans), default=0)
    return "\n".join(
        f"{span:>{wide}} rows | {'█' * -(-leaves * BAR // most)} {leaves} {'leaf' if leaves == 1 else 'leaves'}"
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
    label = _cut(name)
    if row.get("reason"):
        return f"{label} [{_cut(str(row['reason']))}]"
    if row["state"] == "inner":
        return f"{label} > {_cut(str(row['split_dimension']))}"
    count = rows.get(str(row["id"]), 0) if rows is not None else 0
    held = f", {count:,} row{'' if count == 1 else 's'}" if rows is not None else ""
    return f"{label} (leaf: {row['leaf_reason']}{held})"


def _cut(text: str) -> str:
    flat = _printable(" ".join(text.split()))
    return flat if len(flat) <= LABEL_CHARS else flat[: LABEL_CHARS - 1] + "…"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
