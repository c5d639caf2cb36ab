from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text.svg import BAR_WIDTH, CHAR_WIDTH, GREEN, RED, Bar, Drawing, bars

SVG = "{http://www.w3.org/2000/svg}"


@given(st.text(), st.floats(0, 900), st.floats(0, 900))
def test_whatever_is_written_stays_text_and_lies_within_the_picture(text: str, x: float, y: float) -> None:
    drawing = Drawing()
    drawing.text(x, y, text)

    picture = ElementTree.fromstring(drawing.svg())

    (line,) = picture.iter(f"{SVG}text")
    assert len(line.text or "") == len(text)
    assert float(picture.attrib["width"]) >= x + len(text) * CHAR_WIDTH
    assert float(picture.attrib["height"]) >= y


def test_the_longest_bar_fills_the_line_and_the_others_are_in_proportion() -> None:
    picture = ElementTree.fromstring(bars([Bar("a", [10, 10]), Bar("b", [5])], {"kept": GREEN, "failed": RED}, "more"))

    widths = [float(bar.attrib["width"]) for bar in picture.iter(f"{SVG}rect") if bar.attrib["fill"] in (GREEN, RED)]
    assert widths == [BAR_WIDTH / 2, BAR_WIDTH / 2, BAR_WIDTH / 4]
    assert {"kept", "failed", "a", "b", "more"} <= {line.text for line in picture.iter(f"{SVG}text")}


def test_nothing_is_drawn_of_nothing() -> None:
    assert list(ElementTree.fromstring(bars([], {"rows": GREEN})).iter(f"{SVG}text")) == []
