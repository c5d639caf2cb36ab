"""The funnel as a picture (SVG): one bar a stage, what went on, what was rejected, what failed. All text is escaped."""

from html import escape

import polars as pl

ROW_HEIGHT, BAR_HEIGHT, LEFT, WIDTH, CHAR_WIDTH = 30, 18, 190, 520, 7
LABEL_CHARS, MOST_STAGES = 24, 60
COLOURS = {"accepted": "#2f6f4f", "rejected": "#e0a458", "failed": "#c0392b"}


def funnel_picture(funnel: pl.DataFrame) -> str:
    """The funnel's stages, one below another, as wide as the rows that came into them.

    funnel: `stage, requested, failed, rejected, accepted`; rows of the same stage, of several batches, are added up.
    """
    counts = ("requested", "failed", "rejected", "accepted")
    stages = funnel.group_by("stage", maintain_order=True).agg(pl.col(counts).cast(pl.Int64).fill_null(0).sum())
    most = max(stages["requested"].to_list(), default=0) or 1
    parts = [
        part
        for number, stage in enumerate(stages.head(MOST_STAGES).iter_rows(named=True))
        for part in _bar(number * ROW_HEIGHT + 34, stage, most)
    ]
    drawn = min(stages.height, MOST_STAGES)
    if stages.height > drawn:
        parts.append(_text(10, drawn * ROW_HEIGHT + 47, f"and {stages.height - drawn:,} more stages"))
    legend = [
        part
        for place, (name, colour) in enumerate(COLOURS.items())
        for part in (
            f'<rect x="{LEFT + place * 110}" y="8" width="12" height="12" fill="{colour}"/>',
            _text(LEFT + place * 110 + 18, 18, name),
        )
    ]
    height, width = drawn * ROW_HEIGHT + 60, LEFT + WIDTH + 260
    size = f'width="{width}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" font-size="12">'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/>{"".join(legend + parts)}</svg>\n'


def _bar(y: int, stage: dict[str, object], most: int) -> list[str]:
    parts, x = [_text(10, y + 13, _cut(str(stage["stage"])))], float(LEFT)
    for name, colour in COLOURS.items():
        long = WIDTH * int(str(stage[name])) / most
        if long:
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{long:.1f}" height="{BAR_HEIGHT}" fill="{colour}"/>')
        x += long
    return [*parts, _text(round(x) + 8, y + 13, f"{stage['accepted']:,} of {stage['requested']:,}")]


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(text)}</text>'


def _cut(text: str) -> str:
    flat = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    return flat if len(flat) <= LABEL_CHARS else flat[: LABEL_CHARS - 1] + "…"
