"""Adherence against judges that look, that do not, and that do not answer."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import polars as pl

from evergrow.methods.ask import Answer, NoAnswer, Outage
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth import adherence
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.grown import Grown, row
from evergrow.methods.treesynth.nodes import ATTRIBUTES, LEVEL_SCHEMA, Split, children, root
from evergrow.methods.treesynth.spec import TreeSpec

T = TypeVar("T")
DOMAIN = find_domain("gsm8k")
VALUES = ("apples", "trains", "money")


class Judge:
    """Answers what `says` makes of a prompt."""

    def __init__(self, says: Callable[[str], object]) -> None:
        self.says = says

    async def ask(
        self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T], *, goes_on: bool = False
    ) -> Answer[T] | NoAnswer:
        assert role == "judge"
        answer = self.says(prompt.user)
        if isinstance(answer, Exception):
            raise answer
        try:
            return Answer(parse(answer), f"call {slot}", "judge-model", "run")
        except ValueError as error:
            return NoAnswer(str(error), declined=False)


def looking(user: str) -> object:
    """Compares the one attribute that is asked about with the text, which says what it is about."""
    about = next(value for value in VALUES if f"A tale of {value}" in user)
    return {"why": "read", "missing": [] if f'1: "Topic" is "{about}"' in user else [1]}


def samples(count: int) -> pl.DataFrame:
    rows = [
        {
            "id": f"s{n:03}",
            "leaf_id": f"leaf {VALUES[n % 3]}",
            "content": f"A tale of {VALUES[n % 3]}, number {n}.",
            "attributes": [{"dimension": "Topic", "value": VALUES[n % 3]}],
        }
        for n in range(count)
    ]
    return pl.DataFrame(rows, schema_overrides={"attributes": ATTRIBUTES})


def checked(says: Callable[[str], object], count: int = 30, most: int = 12) -> pl.DataFrame:
    known = {f"leaf {value}": {"topic": VALUES} for value in VALUES}
    asked = adherence.chosen(samples(count), known, 7, most)
    return asyncio.run(adherence.check(Judge(says), DOMAIN, asked))


def test_a_judge_that_looks_finds_every_wrong_attribute_and_faults_no_right_one() -> None:
    table = checked(looking)

    assert table.height == 12
    assert table["planted_found"].drop_nulls().to_list() == [True] * 4
    assert table["adherence"].drop_nulls().to_list() == [1.0] * 8


def test_a_judge_that_says_yes_to_everything_is_found_out() -> None:
    table = checked(lambda _: {"why": "fine", "missing": []})

    assert table["adherence"].mean() == 1.0
    assert table["planted_found"].drop_nulls().to_list() == [False] * 4


def test_an_answer_that_cannot_be_read_is_no_adherence() -> None:
    for says in (lambda _: {"missing": [7]}, lambda _: Outage("failed: transient: gone", passing=True)):
        table = checked(says)

        assert table["adherence"].null_count() == table["planted_found"].null_count() == 12
        assert table["judge_call_id"].null_count() == 12
        assert table["adherence_reason"].null_count() == 0


def test_the_same_samples_are_asked_about_in_whatever_order_they_come() -> None:
    known = {f"leaf {value}": {"topic": VALUES} for value in VALUES}

    once = adherence.chosen(samples(30), known, 7, 5)
    again = adherence.chosen(samples(30).reverse(), known, 7, 5)

    assert once == again


def test_values_of_a_leafs_dimensions_come_from_the_nodes_above_it() -> None:
    spec = TreeSpec("t", DOMAIN.name, 2, None, 1)
    top = root("t", DOMAIN.name)
    split = Split("Topic", VALUES)
    leaves = children(top, split)
    grown = [Grown(top, source="domain", dimension="Topic", values=VALUES, listed=False)]
    grown += [Grown(leaf, "it has the greatest depth") for leaf in leaves]
    nodes = pl.DataFrame([row(spec, DOMAIN, one) for one in grown], schema=LEVEL_SCHEMA, orient="row")

    assert adherence.siblings(nodes) == {leaf.id: {"topic": VALUES} for leaf in leaves}
