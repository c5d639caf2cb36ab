"""Instruction synthesis: children to ask for, with which prompt, and which answers to keep (method.md A.2, A.9)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

PROMPTS = Path(__file__).with_name("prompts")


def direct_prompt() -> Prompt:
    """The prompt that turns source code into a first task (paper, section 3.2)."""
    return load_prompt(PROMPTS, "direct")


def optimise_prompt() -> Prompt:
    """The prompt that shows a task its scores and asks for one that beats them (paper, section 3.3)."""
    return load_prompt(PROMPTS, "optimise")


def plan_children(parents: pl.DataFrame, children: int, round_no: int) -> pl.DataFrame:
    """One row per child to ask for: every parent `children` times, in the order of ids.

    Args:
        parents: `id, root_id, domain, complexity, diversity` and whatever else; scores are null for seeds.
        children: K, children per parent.
        round_no: the round that the children belong to, from 1.

    Returns:
        `id, root_id, parent_id, domain, round, slot, parent_complexity, parent_diversity`.
    """
    return (
        parents.select(
            "root_id",
            "domain",
            parent_id="id",
            parent_complexity="complexity",
            parent_diversity="diversity",
            round=pl.lit(round_no, pl.Int32),
        )
        .join(pl.select(slot=pl.int_range(children, dtype=pl.Int32)), how="cross", maintain_order="left_right")
        .with_columns(id=pl.format("{}_{}", "parent_id", "slot"))
        .select("id", "root_id", "parent_id", "domain", "round", "slot", "parent_complexity", "parent_diversity")
    )


def child_prompts(parents: pl.DataFrame, children: int) -> Iterator[tuple[str, int, Rendered]]:
    """`(child id, slot, prompt)` in the order of `plan_children`; lazily, so that memory does not grow with rows.

    A parent that is source code gets the direct prompt, any other the optimisation-driven one with both its scores.
    """
    for parent in parents.select("id", "content", "kind", "complexity", "diversity").iter_rows(named=True):
        rendered = _child_prompt(parent)
        for slot in range(children):
            yield f"{parent['id']}_{slot}", slot, rendered


def _child_prompt(parent: dict[str, Any]) -> Rendered:
    content = parent["content"].strip()
    if parent["kind"] == "code":
        return direct_prompt().render(content=content, fence=fence(content))
    return optimise_prompt().render(
        content=content, fence=fence(content), complexity=parent["complexity"], diversity=parent["diversity"]
    )


def read_child(answer: object) -> str:
    """The new task in a generator's answer.

    Raises:
        ValueError: the answer has no question.
    """
    question = answer.get("question") if isinstance(answer, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise ValueError("the answer has no text under 'question'")
    return question.strip()


def fold(column: str) -> pl.Expr:
    """A text without case, space and punctuation: what says the same is equal."""
    return pl.col(column).str.to_lowercase().str.replace_all(r"[\W_]+", " ").str.strip_chars()


def reject_children(children: pl.DataFrame, parents: pl.DataFrame, min_words: int) -> pl.DataFrame:
    """`children` with a `reason` for each that cannot go on; rows that have one keep it.

    Rules, in this order: fewer than `min_words` words; shows the prompt's fence; shows the source code that it came
    from; says the same as its parent, or as an earlier child of the round, but for case, space and punctuation (the
    first by id stays).

    Args:
        children: `id, parent_id, content, reason`; content is null where there was no answer.
        parents: `id, content, kind`.
        min_words: fewest words separated by white space.
    """
    folded = fold("content")
    fences = pl.Series([fence(text.strip()) for text in parents["content"]], dtype=pl.String)
    known = parents.select(
        parent_id="id",
        _fence=fences.str.extract(r"(\w+)"),
        _code=pl.when(pl.col("kind") == "code").then(pl.col("content").str.strip_chars()),
        _parent=folded,
    )
    first = pl.col("id").min().over("_folded")
    return (
        children.join(known, on="parent_id", how="left", maintain_order="left")
        .with_columns(_folded=folded)
        .with_columns(
            _found=pl.when(pl.col("content").str.count_matches(r"\S+") < min_words)
            .then(pl.lit("too_short"))
            .when(pl.col("content").str.contains(pl.col("_fence"), literal=True))
            .then(pl.lit("shows_prompt"))
            .when(pl.col("content").str.contains(pl.col("_code"), literal=True))
            .then(pl.lit("shows_seed"))
            .when(pl.col("_folded") == pl.col("_parent"))
            .then(pl.lit("equals_parent"))
        )
        .with_columns(reason=pl.coalesce("reason", "_found"))
        # Only children that are still in may make another one a duplicate.
        .with_columns(_folded=pl.when(pl.col("reason").is_null()).then("_folded"))
        .with_columns(
            reason=pl.when(pl.col("_folded").is_not_null() & (first != pl.col("id")))
            .then(pl.format("duplicate of {}", first))
            .otherwise("reason")
        )
        .drop("_fence", "_code", "_parent", "_folded", "_found")
    )
