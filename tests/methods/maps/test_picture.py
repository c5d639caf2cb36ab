"""A map and a tree as pictures."""

from xml.etree import ElementTree

from evergrow.methods.maps.picture import WIDE, icicle, scatter


def test_a_point_stands_where_it_is_and_names_are_text() -> None:
    drawn = ElementTree.fromstring(scatter([-1, 1], [1, -1], ["#111111", "#222222"], {"<b>kept</b>": "#111111"}))

    points = [part.attrib for part in drawn if part.get("r") == "2.5"]
    assert [(float(point["cx"]), float(point["cy"])) for point in points] == [(0.0, 18.0), (420.0, 438.0)]
    assert [text for text in drawn.itertext() if text.strip()] == ["<b>kept</b>"]


def test_a_node_is_as_wide_as_what_is_below_it() -> None:
    parts = ElementTree.fromstring(icicle([None, None, 0, 0, 0], [None, 1.0, 1.0, 2.0, 3.0], 99))[1:]

    widths = [round(float(part.attrib["width"])) for part in parts]
    assert widths == [WIDE * 3 // 4 - 1, WIDE // 4 - 1, *[WIDE // 4 - 1] * 3]
    assert parts[0].get("fill") != parts[4].get("fill") != parts[2].get("fill")
    assert icicle([], [], 9).startswith("<svg")
