"""A map as a picture: a dot a row."""

from collections.abc import Sequence

from evergrow.methods.text.svg import GREEN

SIDE = 420


def scatter(x: Sequence[float], y: Sequence[float], colours: Sequence[str] | None = None) -> str:
    """Points within -1 to 1 as SVG; `colours` one a point, all alike where there are none."""
    shades = colours or [GREEN] * len(x)
    dots = "".join(
        f'<circle cx="{(1 + a) * SIDE / 2:.1f}" cy="{(1 - b) * SIDE / 2:.1f}" r="2.5" fill="{shade}" '
        'fill-opacity="0.65"/>'
        for a, b, shade in zip(x, y, shades, strict=True)
    )
    size = f'width="{SIDE}" height="{SIDE}" viewBox="-6 -6 {SIDE + 12} {SIDE + 12}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect x="-6" y="-6" width="100%" height="100%" fill="#fff"/>'
        f"{dots}</svg>\n"
    )
