"""From tables to what models are asked: one request a row, rendered as it is taken."""

from collections.abc import Iterator

import polars as pl

from evergrow.methods.evolution import judge as judging
from evergrow.methods.evolution import synthesis
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import Work
from evergrow.resources.settings.growth import Evolution

PEEKED = 50  # prompts whose length stands for all in a forecast
CHILD_TOKENS, VERDICT_TOKENS = 350, 130  # of an answer, roughly; only while there is no history


def as_parents(table: pl.DataFrame) -> pl.DataFrame:
    """Seeds or accepted children as parents: `id, root_id, domain, kind, content, complexity, diversity, nearest`.

    table: all rows of a round, so that the text of the nearest child is at hand, whether it was accepted or not; what
        was rejected is no parent.
    """
    if "nearest_id" in table.columns:
        texts = table.select(nearest_id="id", nearest="content")
        children = table.filter(pl.col("reason").is_null()) if "reason" in table.columns else table
        return children.join(texts, on="nearest_id", how="left", maintain_order="left").with_columns(
            kind=pl.lit("instruction")
        )
    unscored = [name for name in ("complexity", "diversity") if name not in table.columns]  # seeds may bring scores
    return table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in unscored)


def style_of(rules: Evolution) -> synthesis.Style:
    """How children are asked for by the settings."""
    return synthesis.Style(rules.operators, rules.lengths, rules.show_nearest)


def child_requests(parents: pl.DataFrame, children: int, style: synthesis.Style) -> Iterator[Request]:
    """What the generator is asked, lazily."""
    for child, slot, prompt in synthesis.child_prompts(parents, children, style):
        yield Request(child, "generator", prompt.system, prompt.user, prompt.schema, slot, prompt.version)


def judge_requests(instructions: pl.DataFrame, how: judging.Judging) -> Iterator[Request]:
    """What the judge is asked, lazily."""
    for child, content in instructions.select("id", "content").iter_rows():
        prompt = judging.render_judge(content, how)
        yield Request(child, "judge", prompt.system, prompt.user, prompt.schema, 0, prompt.version)


def children_work(name: str, parents: pl.DataFrame, rules: Evolution, requests: int, most: int | None = None) -> Work:
    """Asking for children of `parents`, of whom some stand for all."""
    like = list(child_requests(parents.head(PEEKED), 1, style_of(rules)))
    return Work(name, "generator", "evolution/", requests, most or requests, like, CHILD_TOKENS)


def judging_work(
    name: str, instructions: pl.DataFrame, rules: Evolution, requests: int, most: int | None = None
) -> Work:
    """Judging `instructions`, of which some stand for all."""
    like = list(judge_requests(instructions.head(PEEKED), rules.judging))
    return Work(name, "judge", "evolution/", requests, most or requests, like, VERDICT_TOKENS)
