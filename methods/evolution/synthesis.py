"""Instruction synthesis: children to ask for, with which prompt, and which answers to keep (method.md A.2, A.9)."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import polars as pl
import yaml
from pydantic import Field

from evergrow.methods.text.answer_model import AnswerModel, Filled
from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt

PROMPTS = Path(__file__).with_name("prompts")
OPERATORS = PROMPTS / "operators.yaml"
T = TypeVar("T")
GIST_CHARS = 400  # of the nearest task, as the generator sees it


class NewTask(AnswerModel):
    """The answer to the direct prompt; what it thought on the way may be missing."""

    named: ClassVar[str] = "new_task"
    concepts: Annotated[list[str], Field(min_length=1, max_length=8)] = []  # noqa: RUF012 - pydantic copies it
    plan: str = ""
    question: Filled


class DevelopedTask(AnswerModel):
    """The answer to the optimisation-driven prompt; its plan may be missing."""

    named: ClassVar[str] = "developed_task"
    plan: str = ""
    question: Filled


class Child(AnswerModel):
    """What of either answer goes on."""

    named: ClassVar[str] = "child"
    question: Filled


@dataclass(frozen=True, slots=True)
class Style:
    """How children are asked for, beyond the paper's prompt; empty, it is the paper's.

    Attributes:
        operators: angles by their names in `operators.yaml`; siblings get different ones.
        lengths: about how many words a child is to have; siblings get different ones.
        show_nearest: tell how the task begins that lies nearest to the parent.
    """

    operators: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    show_nearest: bool = False


PLAIN = Style()


def direct_prompt() -> Prompt:
    """The prompt that turns source code into a first task (paper, section 3.2)."""
    return load_prompt(PROMPTS, "direct", NewTask, (OPERATORS,))


def optimise_prompt() -> Prompt:
    """The prompt that shows a task its scores and asks for one that beats them (paper, section 3.3)."""
    return load_prompt(PROMPTS, "optimise", DevelopedTask, (OPERATORS,))


@cache
def operators() -> dict[str, dict[str, str]]:
    """Angles by name: what each says of tasks about programs (`programming`) and of any other (`other`)."""
    known: dict[str, dict[str, str]] = yaml.safe_load(OPERATORS.read_text(encoding="utf-8"))
    return known


def plan_children(parents: pl.DataFrame, children: int, round_no: int, style: Style = PLAIN) -> pl.DataFrame:
    """One row per child to ask for: every parent `children` times, in the order of ids.

    Args:
        parents: `id, root_id, domain, kind, complexity, diversity` and whatever else; scores are null for seeds.
        children: K, children per parent.
        round_no: the round that the children belong to, from 1.
        style: what siblings are told apart by.

    Returns:
        `id, root_id, parent_id, domain, round, slot, operator, words, parent_complexity, parent_diversity`; `operator`
        and `words` (about how many are asked for) are null where the style names none.
    """
    drawn = [
        drawn_for(parent, programming=_programming(kind, domain), slot=slot, style=style)
        for parent, kind, domain in parents.select("id", "kind", "domain").iter_rows()
        for slot in range(children)
    ]
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
        .with_columns(
            id=pl.format("{}_{}", "parent_id", "slot"),
            operator=pl.Series([operator for operator, _ in drawn], dtype=pl.String),
            words=pl.Series([words for _, words in drawn], dtype=pl.Int32),
        )
        .select(
            *("id", "root_id", "parent_id", "domain", "round", "slot", "operator", "words"),
            *("parent_complexity", "parent_diversity"),
        )
    )


def drawn_for(parent: str, *, programming: bool, slot: int, style: Style) -> tuple[str | None, int | None]:
    """The operator and the length of the parent's child in `slot`: each parent goes through both in its own order."""
    side = "programming" if programming else "other"
    known = [name for name in style.operators if side in operators()[name]]
    operator = _nth(known, parent, "operator", slot) if known else None
    return operator, _nth(style.lengths, parent, "length", slot) if style.lengths else None


def _nth(choices: Sequence[T], parent: str, purpose: str, slot: int) -> T:
    """The choice of a slot: no sibling gets one again before all were given."""
    order = list(choices)
    seed = hashlib.sha256(f"{purpose}\0{parent}".encode()).digest()
    random.Random(int.from_bytes(seed[:8], "big")).shuffle(order)  # noqa: S311 - no secrets
    return order[slot % len(order)]


def child_prompts(parents: pl.DataFrame, children: int, style: Style = PLAIN) -> Iterator[tuple[str, int, Rendered]]:
    """`(child id, slot, prompt)` in the order of `plan_children`; lazily, so that memory does not grow with rows.

    A parent that is source code gets the direct prompt, any other the optimisation-driven one with both its scores.

    parents: `id, content, kind, domain, complexity, diversity`; with `nearest`, the text of the task that lies nearest.
    """
    columns = ["id", "content", "kind", "domain", "complexity", "diversity"]
    if "nearest" in parents.columns:
        columns.append("nearest")
    for parent in parents.select(columns).iter_rows(named=True):
        for slot in range(children):
            yield f"{parent['id']}_{slot}", slot, _child_prompt(parent, slot, style)


def _child_prompt(parent: dict[str, Any], slot: int, style: Style) -> Rendered:
    content, programming = parent["content"].strip(), _programming(parent["kind"], parent["domain"])
    operator, words = drawn_for(parent["id"], programming=programming, slot=slot, style=style)
    angle = operators()[operator]["programming" if programming else "other"] if operator else None
    if parent["kind"] == "code":
        return direct_prompt().render(content=content, fence=fence(content), angle=angle, words=words)
    nearest = excerpt(parent.get("nearest") or "", GIST_CHARS) if style.show_nearest else ""
    return optimise_prompt().render(
        content=content,
        fence=fence(content),
        programming=programming,
        domain=excerpt(parent["domain"] or "general"),
        complexity=parent["complexity"],
        diversity=parent["diversity"],
        nearest=nearest,
        nearest_fence=fence(nearest),
        angle=angle,
        words=words,
    )


def _programming(kind: str, domain: str | None) -> bool:
    """Whether a parent is known to be about programs: source code, or what grew from it."""
    return "code" in (kind, domain)


def read_child(answer: object) -> str:
    """The new task in a generator's answer.

    Raises:
        ValueError: the answer has no question.
    """
    return Child.read(answer).question


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
