"""Trees of the research code, finished and broken off, by the description of their files (method.md B.6 to B.10)."""

import json
from typing import Any

import pytest

from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.nodes import children, root
from evergrow.methods.treesynth.reference_files import Imported, interrupted, read_output
from evergrow.methods.treesynth.restoration import restored, rows_by_story
from evergrow.methods.treesynth.tree_import import taken_over

MATH, CODE, GSM, TOM = (find_domain(name) for name in ("math", "code_alpaca", "gsm8k", "simpletom"))
STORY = "The lamp that Ann found has a broken wire inside its foot. Ann carries the lamp to the till."
ROW = {
    "scenario": json.dumps({"Type": "Hidden Defect"}, indent=2),
    "story": STORY,
    "question": "What will Ann most likely do next?",
    "choices": {"text": ["put the lamp back on the shelf", "pay for the lamp"], "label": ["A", "B"]},
    "answerKey": "B",
}


def node(value: Any, dimension: str | None, *below: Any, samples: Any = None) -> dict[str, Any]:
    return {"attribute_value": value, "dimension": dimension, "samples": samples, "children": list(below)}


def taken(tree: dict[str, Any], domain: Any = MATH, depth: int = 4) -> tuple[dict[str, Imported], list[str]]:
    data, notes = taken_over(json.dumps(tree).encode(), "output.json", domain, 42, {})
    return read_output(data, "output.json", "t", domain.name, depth), notes


def test_a_problem_gets_its_difficulty_back() -> None:
    sample = restored(MATH, "What is the sum of 1 and 2?\n<Difficulty>\n  3", 42, {})

    assert json.loads(sample.fields) == {"difficulty": 3, "question": "What is the sum of 1 and 2?"}
    assert sample.content == "What is the sum of 1 and 2?"


def test_an_instruction_and_its_input_come_apart_again() -> None:
    both = restored(CODE, "Sort the list in place.\n<Input>\n[3, 1, 2]", 42, {})
    alone = restored(CODE, "Write a loop that counts to ten.", 42, {})

    assert json.loads(both.fields) == {"input": "[3, 1, 2]", "instruction": "Sort the list in place."}
    assert json.loads(alone.fields)["input"] == ""


def test_a_story_gets_its_question_choices_and_letter_from_the_rows_beside_the_tree() -> None:
    rows = rows_by_story([json.dumps(ROW), "{}", "cut off {"])

    sample = restored(TOM, STORY, 42, rows)

    fields = json.loads(sample.fields)
    assert (fields["unaware_answer"], fields["aware_answer"]) == ("pay for the lamp", "put the lamp back on the shelf")
    assert fields["action"] == "Ann carries the lamp to the till."
    assert sample.letter == "B"
    assert sample.content.endswith("(A) put the lamp back on the shelf\n(B) pay for the lamp")


@pytest.mark.parametrize("text", ["", "odd", "What?\n<Difficulty>\n  9", "x " * 30_000])
def test_a_text_whose_fields_cannot_be_told_stays_as_it_is(text: str) -> None:
    sample = restored(MATH, text, 42, {})

    assert (sample.fields, sample.content) == ("", text)


def test_in_a_finished_tree_a_node_without_children_is_a_leaf_and_its_pivots_above_are_kept() -> None:
    problem = "What is the sum of 1 and 2?\n<Difficulty>\n  3"
    tree = node(
        *(None, None),
        node("Algebra", "Domain", node("sums", "Topic", samples=[problem]), samples=["a pivot here of five words"]),
        node("Geometry", "Domain", samples=[problem]),
    )

    found, notes = taken(tree, depth=2)

    algebra, geometry = children(root("t", "math"), found[root("t", "math").id].split)  # type: ignore[arg-type]
    assert [note.partition(":")[0] for note in notes] == ["known as texts, without fields"]
    assert not interrupted(found)
    assert [held.content for held in found[algebra.id].texts or ()] == ["a pivot here of five words"]
    assert not found[geometry.id].open
    assert [json.loads(held.fields)["difficulty"] for held in found[geometry.id].texts or ()] == [3]


def test_what_an_interrupted_run_had_not_divided_yet_goes_on_from_its_pivots() -> None:
    tree = node(
        *(None, None),
        node("Algebra", "Domain", samples=["a pivot here of five words", "another one of five words"]),
        node("Geometry", "Domain"),
    )

    found, _ = taken(tree)

    assert interrupted(found)
    assert [one.open for one in found.values()] == [False, True, True]


def test_a_tree_that_is_to_be_deeper_goes_on_where_its_file_ends() -> None:
    tree = node(None, None, node("a", "D", samples=["one"]), node("b", "D", samples=["two"]))

    assert [one.open for one in taken(tree, depth=1)[0].values()] == [False, False, False]
    assert [one.open for one in taken(tree, depth=3)[0].values()] == [False, True, True]


def test_values_that_differ_in_case_or_plural_become_one_with_a_note() -> None:
    tree = node(
        *(None, None),
        node("Fraction", "Topic", samples=["one"]),
        node("fractions", "Topic", samples=["two"]),
        node("Sums", "Topic", node("x", "Y", samples=["three"])),
        node("sum", "Topic", samples=["four"]),
    )

    found, notes = taken(tree)

    top = found[root("t", "math").id]
    assert top.split is not None
    assert top.split.values == ("Fraction", "Sums", "sum (2)")
    assert [(m.value, m.into) for m in top.merged] == [("fractions", "Fraction")]
    first = children(root("t", "math"), top.split)[0]
    assert [held.content for held in found[first.id].texts or ()] == ["one", "two"]
    assert len([note for note in notes if "says the same" in note]) == 2


def test_what_is_known_as_text_only_or_left_out_is_said() -> None:
    leaf = {**node("A", "Kind", samples=["What is one and one?\n<Difficulty>\n 2", "no such form"]), "records": [None]}
    _, notes = taken(node(None, None, leaf, node("B", "Kind", samples=["x?\n<Difficulty>\n 9"])))

    assert notes[0] == "the records of 'A' are left out: there is not one for each of its samples"
    assert notes[1].startswith("known as texts, without fields: 2 of 3 samples, which match none of the patterns")
