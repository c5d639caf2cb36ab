"""The columns of a release: what each means, and its type as Hugging Face `datasets` writes it in a card.

Types stand in the card because a reader of JSON lines has to guess them otherwise, from the first rows of the first
split: a column without a value there could not be loaded where it has one.
"""

from typing import Any

import polars as pl

MEANINGS = {
    "messages": "the user's turn and the assistant's",
    "conversations": "the human's turn and the model's",
    "instruction": "the user's turn",
    "input": "always empty: the instruction is whole",
    "output": "the assistant's turn",
    "prompt": "the user's turn",
    "completion": "the assistant's turn",
    "chosen": "the better answer",
    "rejected": "the worse answer",
    "label": "whether the answer is the better one of its pair",
    "chosen_score": "of the better answer: share of draws that agree with it, or the task's complexity",
    "rejected_score": "the same of the worse one: of its own ending, or of the task that it answers",
    "gap": "chosen_score less rejected_score",
    "why": "why the one is better",
    "pair_source": "draws: two answers to this task; parent: the worse answers the task that it was evolved from",
    "rejected_id": "the sample that the worse answer was written for",
    "id": "path id: the root's id, then the slot in every round; unique in its batch",
    "batch": "the set of seeds that evolved together, or the tree",
    "root_id": "the seed",
    "parent_id": "what it was evolved from",
    "domain": "of the seed or the tree",
    "task": "code, maths, choice, text or none: how an answer can be verified",
    "round": "of the evolution, from 1",
    "slot": "which child of its parent, from 0",
    "content": "the instruction",
    "response": "the answer",
    "tree": "the tree whose leaf it lies in",
    "leaf_id": "that leaf",
    "attributes": "values of the dimensions on the way to that leaf",
    "complexity": "1 to 10, scored by the judge",
    "complexity_reason": "the judge's reason, in its words",
    "diversity": "1 - cosine to the nearest sample of another root in its round, 0 to 1",
    "nearest_id": "that sample",
    "value": "complexity + 10 x diversity",
    "parent_complexity": "the parent's complexity",
    "parent_diversity": "the parent's diversity",
    "verdict": "what verification found",
    "verdict_detail": "more of it",
    "agreement": "share of the drawn answers that agree",
    "draws": "all answers that were drawn",
    "final_answer": "the answer's last word: a number, a term, a letter",
    "tests": "the program that tested the answer",
    "sandbox": "the level of the sandbox that it ran in",
    "generator_model": "the model that wrote the instruction",
    "judge_model": "the model that scored it",
    "embedding_model": "the model that measured diversity",
    "responder_model": "the model that answered",
    "tester_model": "the model that wrote the tests",
    "prompt_version": "of the prompt that the instruction was asked by",
    "response_prompt_version": "of the prompt that the answer was asked by",
    "call_id": "the request in the ledger that returned the instruction",
    "judge_call_id": "the request that returned the score",
    "response_call_id": "the request that returned the answer",
    "tests_call_id": "the request that returned the tests",
    "run_id": "the run that made the instruction",
    "response_run_id": "the run that made the answer",
    "license": "of the seed, as its source names it",
}


def features(schema: pl.Schema) -> list[dict[str, Any]]:
    """The columns' names and types, as the front matter of a dataset card lists them.

    Raises:
        TypeError: a column has a type that no card can name.
    """
    return [{"name": name, **_feature(name, kind)} for name, kind in schema.items()]


def _feature(name: str, kind: pl.DataType) -> dict[str, Any]:
    match kind:
        case pl.List():
            inner = _feature(name, kind.inner)  # type: ignore[arg-type]
            return {"list": inner.get("dtype", inner.get("struct", inner))}
        case pl.Struct():
            return {"struct": [{"name": f.name, **_feature(name, f.dtype)} for f in kind.fields]}  # type: ignore[arg-type]
        case pl.String():
            return {"dtype": "string"}
        case pl.Boolean():
            return {"dtype": "bool"}
        case _ if kind.is_integer() or kind.is_float():
            return {"dtype": str(kind).lower()}
        case _:
            raise TypeError(f"column {name!r} is of type {kind}, which a dataset for trainers cannot hold: cast it")
