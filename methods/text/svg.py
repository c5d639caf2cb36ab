"""Pictures as SVG: text, circles, lines and bars, all text escaped, as wide and as high as what is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

CHAR_WIDTH = 7.3  # of the font at its size; a little more than it is, so that nothing is cut
MARGIN = 10
ROW_HEIGHT, BAR_HEIGHT, BAR_WIDTH = 26, 16, 420
LABEL_CHARS = 60
GREEN, LIGHT, AMBER, RED, GREY = "#2f6f4f", "#9fd3a8", "#e0a458", "#c0392b", "#999"


@dataclass(slots=True)
class Drawing:
    """A picture that grows with what is put into it; x and y in pixels from the upper left."""

    _parts: list[str] = field(default_factory=list)
    _width: float = 0.0
    _height: float = 0.0

    def text(self, x: float, y: float, text: str) -> None:
        """Write one line, its base at `y`."""
        shown = printable(text)
        self._reach(x + len(shown) * CHAR_WIDTH, y)
        self._parts.append(f'<text x="{x:g}" y="{y:g}">{escape(shown)}</text>')

    def bar(self, x: float, y: float, width: float, colour: str) -> None:
        """Draw a bar, its upper edge at `y`."""
        self._reach(x + width, y + BAR_HEIGHT)
        self._parts.append(f'<rect x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>')

    def dot(self, x: float, y: float, colour: str) -> None:
        """Draw a dot around `x, y`."""
        self._reach(x + 4, y + 4)
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"/>')

    def branch(self, x: float, above: float, right: float, y: float) -> None:
        """Draw a line down from `above` at `x`, then to the `right` at `y`."""
        self._reach(right, y)
        self._parts.append(f'<path d="M{x:g} {above:g}V{y:g}H{right:g}" fill="none" stroke="{GREY}"/>')

    def svg(self) -> str:
        """The picture."""
        size = f'width="{self._width + MARGIN:.0f}" height="{self._height + MARGIN:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="12">'
        return f'{head}<rect width="100%" height="100%" fill="#fff"/>{"".join(self._parts)}</svg>\n'

    def _reach(self, x: float, y: float) -> None:
        self._width, self._height = max(self._width, x), max(self._height, y)


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a chart: what it is of, the lengths of its parts in the chart's unit, and what stands behind it."""

    label: str
    parts: Sequence[float]
    note: str = ""


def bars(rows: Sequence[Bar], colours: Mapping[str, str], more: str = "") -> str:
    """Bars one below another, the longest `BAR_WIDTH` wide; a legend above them if there are several colours.

    Args:
        rows: each with as many parts as there are colours, at most.
        colours: by name, in the order of the parts.
        more: a line below the last bar.
    """
    drawing = Drawing()
    left = MARGIN * 2 + max((len(shortened(row.label)) for row in rows), default=0) * CHAR_WIDTH
    most = max((sum(row.parts) for row in rows), default=0) or 1
    top = MARGIN
    if len(colours) > 1:
        x = left
        for name, colour in colours.items():
            drawing.dot(x + 6, top + 6, colour)
            drawing.text(x + 16, top + 10, name)
            x += 32 + len(name) * CHAR_WIDTH
        top += ROW_HEIGHT
    for number, row in enumerate(rows):
        x, y = left, top + number * ROW_HEIGHT
        drawing.text(MARGIN, y + 12, shortened(row.label))
        for part, colour in zip(row.parts, colours.values(), strict=False):
            width = BAR_WIDTH * part / most
            if width:
                drawing.bar(x, y, width, colour)
            x += width
        drawing.text(x + 8, y + 12, row.note)
    if more:
        drawing.text(MARGIN, top + len(rows) * ROW_HEIGHT + 12, more)
    return drawing.svg()


def shortened(text: str) -> str:
    """`text` on one line of at most `LABEL_CHARS` characters."""
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= LABEL_CHARS else flat[: LABEL_CHARS - 1] + "…"


def printable(text: str) -> str:
    """`text` without the characters that cannot be shown, which XML does not allow either."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
