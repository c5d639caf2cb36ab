"""A map and a tree as pictures (SVG), of any number of rows; names are escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from evergrow.methods.text.svg import AMBER, GREEN, GREY, RED

SIDE, WIDE, HIGH = 420, 860, 46
LINE = 18  # of the legend
COLOURS = (GREEN, AMBER, "#4c78a8", RED, "#8e6bbf", "#59a5a9", GREY)
LOW, TOP = (237, 243, 216), (23, 78, 88)  # colours of the least and of the greatest value
NARROW = 0.4  # pixels: what is narrower is not drawn


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    colours: Sequence[str] | None = None,
    legend: Mapping[str, str] | None = None,
) -> str:
    """Points within -1 to 1, below the names of their colours.

    Args:
        x, y: of each point.
        colours: one a point; all are alike where there are none.
        legend: the colours by what they stand for.
    """
    top = LINE * len(legend or {})
    shades = colours or [GREEN] * len(x)
    parts = [
        f'<circle cx="{(1 + a) * SIDE / 2:.1f}" cy="{top + (1 - b) * SIDE / 2:.1f}" r="2.5" fill="{shade}" '
        'fill-opacity="0.7"/>'
        for a, b, shade in zip(x, y, shades, strict=True)
    ]
    for place, (name, shade) in enumerate((legend or {}).items()):
        at = place * LINE
        parts.append(f'<circle cx="6" cy="{at + 6}" r="5" fill="{shade}"/>')
        parts.append(f'<text x="18" y="{at + 10}">{escape(name)}</text>')
    return _svg(SIDE, SIDE + top, parts)


def icicle(parents: Sequence[int | None], values: Sequence[float | None], most: int) -> str:
    """A forest: each node above its children and as wide as what is below it, the darker the higher its value.

    Args:
        parents: the place of each node's parent; None for a root.
        values: of each node, in any unit; None is grey.
        most: nodes that are drawn, the uppermost first.
    """
    below: dict[int | None, list[int]] = {}
    for node, parent in enumerate(parents):
        below.setdefault(parent, []).append(node)
    levels = [below.get(None, [])]
    while levels[-1]:
        levels.append([child for node in levels[-1] for child in below.get(node, [])])
    leaves = [0] * len(parents)
    for level in reversed(levels):
        for node in level:
            leaves[node] = sum(leaves[child] for child in below.get(node, [])) or 1
    known = [value for value in values if value is not None]
    low, span = (min(known), max(known) - min(known)) if known else (0.0, 0.0)
    unit = WIDE / max(1, sum(leaves[node] for node in levels[0]))
    starts: dict[int | None, float] = {None: 0.0}
    parts: list[str] = []
    for depth, level in enumerate(levels):
        for node in level:
            left, wide = starts[parents[node]], leaves[node] * unit
            starts[parents[node]], starts[node] = left + wide, left
            if wide >= NARROW and len(parts) < most:
                fill = _shade(values[node], low, span)
                parts.append(
                    f'<rect x="{left:.2f}" y="{depth * HIGH}" width="{wide - min(1, wide / 4):.2f}" '
                    f'height="{HIGH - 1}" fill="{fill}"/>'
                )
    return _svg(WIDE, HIGH * max(1, len(levels) - 1), parts)


def _shade(value: float | None, low: float, span: float) -> str:
    if value is None:
        return "#d5d9d6"
    share = (value - low) / span if span else 0.5
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(LOW, TOP, strict=True))


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="-6 -6 {width + 12} {height + 12}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="12">'
    return f'{head}<rect x="-6" y="-6" width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
