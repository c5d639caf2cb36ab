"""Trees of others become an output.json, or are refused by the topic that is wrong."""

import json
from typing import Any

import pytest

from evergrow.methods.treesynth.outlines import as_output
from evergrow.methods.treesynth.reference_files import TreeFileError, read_output

WANTED: dict[str, Any] = {"Algebra": {"Linear": {}, "Quadratic": {}}, "Geometry": {}}
FORMS: dict[str, str] = {
    "d3": json.dumps(
        {
            "name": "Maths",
            "children": [
                {"name": "Algebra", "children": [{"name": "Linear"}, {"name": "Quadratic", "children": []}]},
                {"name": "Geometry", "value": 3},
            ],
        }
    ),
    "topics": json.dumps(
        {"topics": [{"topic": "Algebra", "subtopics": ["Linear", "Quadratic"]}, {"topic": "Geometry"}]}
    ),
    "mapping": json.dumps({"Maths": {"Algebra": ["Linear", "Quadratic"], "Geometry": None}}),
    "paths_json": json.dumps(["Algebra/Linear", "Algebra/Quadratic", "Geometry"]),
    "paths": "/Algebra/Linear\n/Algebra/Quadratic\n/Geometry\n",
    "arrows": "Algebra > Linear\nAlgebra > Quadratic\nGeometry\n",
    "parents": json.dumps(
        [
            {"id": 1, "name": "Maths", "parent": None},
            {"id": 2, "name": "Algebra", "parent": 1},
            {"id": 3, "name": "Linear", "parent": 2},
            {"id": 4, "name": "Quadratic", "parent": 2},
            {"id": 5, "name": "Geometry", "parent": 1},
        ]
    ),
    "yaml": "Maths:\n  Algebra:\n    - Linear\n    - Quadratic\n  Geometry:\n",
    "markdown_headings": "# Maths\n\n## Algebra\n\n### Linear\n\n### Quadratic\n\n## Geometry\n",
    "markdown_items": "# Maths\n- Algebra\n  - Linear\n  - Quadratic\n- Geometry\n",
    "indented": "Maths\n\tAlgebra\n\t\tLinear\n\t\tQuadratic\n\tGeometry\n",
}


def names(part: dict[str, Any]) -> dict[str, Any]:
    return {child["attribute_value"]: names(child) for child in part["children"]}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_tree(form: str) -> None:
    made = as_output(FORMS[form].encode(), form)
    top = json.loads(made)

    assert names(top) == WANTED
    assert {child["dimension"] for child in top["children"]} == {"Topic"}
    assert {child["dimension"] for child in top["children"][0]["children"]} == {"Topic within Algebra"}
    assert len(read_output(made, form, "t", "math")) == 5


def test_an_output_json_is_left_as_it_is() -> None:
    for text in ('{"children": [], "samples": null}', '{"children": [{"dimension": "D", "attribute_value": "a"}]}'):
        assert as_output(text.encode(), "f") == text.encode()


def test_a_topic_alone_below_another_is_named_with_it() -> None:
    made = json.loads(as_output(b"A/B/C\nA/B/D\nE/F", "f"))

    assert names(made) == {"A: B": {"C": {}, "D": {}}, "E: F": {}}


WRONG = [
    ('[{"id": "a", "parent": "b"}, {"id": "b", "parent": "a"}]', "'a' is its own ancestor: a -> b -> a"),
    (
        '[{"id": "r"}, {"id": "a", "parent": "r"}, {"id": "a", "parent": "x"}]',
        "topic 'a' stands twice, below 'r' and 'x'",
    ),
    ('[{"id": "r"}, {"id": "a", "parent": "x"}]', "'a' names the parent 'x', which there is not"),
    ('[{"id": "r"}, {"name": "", "parent": "r"}]', "record 2 is an empty topic"),
    ('{"name": "M", "children": [{"name": "A"}, {"name": " "}]}', r"children\[1\] is an empty topic"),
    ('{"name": "M", "children": [{"name": "A"}, {"children": []}]}', r"children\[1\] has no name"),
    ("A/B\nA//C", "line 2 is an empty topic"),
    ("- A\n- \n- B\n", "empty topic"),
    ("- A\n- a\n", "'a' stands twice at the top"),
    ("M:\n  A:\n  A:\n", "'A' stands twice below one"),
    ("x: &a [1, 2]\ny: *a\n", "line 2 has an alias"),
    ("just one line", "fewer than two topics"),
    ("{broken", "is not JSON"),
    ("[" * 5_000 + "]" * 5_000, "deeper than"),
    ("\n".join("\t" * n + f"t{n}\n" + "\t" * n + f"u{n}" for n in range(20)), "deeper than 12 levels"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_no_tree_is_named(text: str, expected: str) -> None:
    with pytest.raises(TreeFileError, match=f"^f: .*{expected}"):
        as_output(text.encode(), "f")


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(TreeFileError, match="f: is no UTF-8 text"):
        as_output(b"\xff\xfe", "f")
