"""Growing a node: whatever is answered about it is used, or left out with a reason."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from evergrow.methods.ask import Answer, NoAnswer
from evergrow.methods.text.prompts import Rendered
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.grown import Grown, row, settle
from evergrow.methods.treesynth.growth import Grower
from evergrow.methods.treesynth.left_out import counted
from evergrow.methods.treesynth.nodes import root
from evergrow.methods.treesynth.reference_files import read_output
from evergrow.methods.treesynth.spec import TreeSpec

T = TypeVar("T")
DOMAIN = find_domain("gsm8k")
SPEC = TreeSpec("t", DOMAIN.name, 2, None, 42)
STORY = "A shop sells {} kilograms of pears, each for two coins. How many coins does it take for all of them?"


@dataclass
class Rules:
    pivots: int = 4
    pivot_attempts: int = 2
    list_draws: int = 2
    samples_per_call: int = 6
    dimension_attempts: int = 2
    dimension_candidates: int = 2
    ask_until: int = 20
    max_asks: int = 3
    infinite_over: int = 50
    merge_similarity: float = 1.0


class Model:
    """Gives its answers to each kind of question in their order; the last one again and again."""

    def __init__(self, **answers: list[object]) -> None:
        self.answers = answers

    async def ask(
        self, role: str, prompt: Rendered, slot: int, parse: Callable[[object], T], *, goes_on: bool = False
    ) -> Answer[T] | NoAnswer:
        assert role in ("generator", "partitioner")
        kind = str((prompt.schema or {})["title"])
        given = self.answers[kind]
        answer = given.pop(0) if len(given) > 1 else given[0]
        try:
            return Answer(parse(answer), f"{kind} {slot}", "model", "run")
        except ValueError as error:
            return NoAnswer(str(error), declined=False)


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.eye(max(len(texts), 1), dtype=np.float32)[: len(texts)]


def grown(model: Model) -> Grown:
    node = asyncio.run(Grower(model, embed, SPEC, DOMAIN, Rules()).grow(root("t", DOMAIN.name)))
    settle([node], embed, Rules())
    return node


def split(dimension: str, *groups: list[int]) -> object:
    values = [{"value": f"{dimension} {n}", "samples": group} for n, group in enumerate(groups)]
    return {"dimension": dimension, "values": values}


def test_each_thing_that_is_answered_of_a_node_is_used_or_left_out_with_its_reason() -> None:
    stories = [*(STORY.format(n) for n in range(5)), STORY.format(0).upper(), "Too short."]
    node = grown(
        Model(
            samples=[{"samples": [{"question": text} for text in stories]}],
            split=[split("Size", [1, 2], [3]), split("Place", [1, 2], [3, 4]), split("Time", [1], [2, 3, 4])],
            completion=[
                {"status": "more", "values": ["Market", "market", "Other"]},
                {"status": "what?", "values": []},
                {"status": "full", "values": ["Field"]},
            ],
        )
    )

    table = row(SPEC, DOMAIN, node)
    assert table["state"] == "inner"
    assert len(table["pivots"]) == 4
    kept = {"Place": "Time", "Time": "Place"}[table["split_dimension"]]  # whichever divides more clearly
    assert "Market" in table["split_values"]
    told = [(one["what"], one["text"], one["why"].partition(":")[0]) for one in table["left_out"]]
    assert ("pivot", stories[5], "repetition") in told
    assert ("pivot", stories[4], "surplus") in told
    assert ("pivot", json.dumps({"question": "Too short."}), "invalid") in told
    assert ("dimension", kept, "surplus") in told
    assert ("answer", "the dimension", "invalid") in told
    assert ("value", "market", "repetition") in told
    assert ("value", "Other", "remainder") in told
    assert ("answer", "further values", "invalid") in told
    assert ("value", "Field", "unneeded") in told
    assert len(told) == 9
    assert all(one["call_id"] for one in table["left_out"] if one["what"] != "answer")
    assert counted([node.left_out])["pivot: invalid"] == 1
    assert sum(counted([node.left_out]).values()) == 9


def test_pivots_of_a_file_stay_where_the_domain_states_the_dimension() -> None:
    domain = find_domain("math")
    held = ["What is $1+1$ in base two, written out?", "What is $2+2$ in base three, written out?"]
    file = {"attribute_value": None, "dimension": None, "samples": held, "children": []}
    nodes = read_output(json.dumps(file).encode(), "output.json", "t", domain.name, 2)
    spec = TreeSpec("t", domain.name, 2, None, 42)

    node = asyncio.run(Grower(Model(), embed, spec, domain, Rules(), nodes).grow(root("t", domain.name)))

    assert node.source == "domain"
    assert [pivot.sample.content for pivot in node.pivots] == held
