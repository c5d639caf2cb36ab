"""From tables to what models are asked: one request a row, rendered as it is taken."""

from collections.abc import Iterator

import polars as pl

from evergrow.methods.evolution import judge as judging
from evergrow.methods.evolution import synthesis
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import PEEKED, Work
from evergrow.resources.settings.growth import Evolution

READING_MARK = "~"  # between a child's id and the number of a further reading, in a request's key
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


def judge_requests(instructions: pl.DataFrame, rules: Evolution) -> Iterator[Request]:
    """What the judge is asked, lazily: of each child as many readings as the rules say, none of which sees another."""
    for child, content in instructions.select("id", "content").iter_rows():
        prompt = judging.render_judge(content, rules.judging)
        for reading in range(rules.readings):
            key = f"{child}{READING_MARK}{reading}" if reading else child
            yield Request(key, "judge", prompt.system, prompt.user, prompt.schema, reading, prompt.version)


def children_of(keys: pl.Expr) -> pl.Expr:
    """The child that each key of `judge_requests` is about; a child's own id ends with its slot, never with a mark."""
    return keys.str.replace(rf"{READING_MARK}\d+$", "")


def children_work(name: str, parents: pl.DataFrame, rules: Evolution, requests: int, most: int | None = None) -> Work:
    """Asking for children of `parents`, of whom some stand for all."""
    like = list(child_requests(parents.head(PEEKED), 1, style_of(rules)))
    return Work(name, "generator", "evolution/", requests, most or requests, like, CHILD_TOKENS)


def judging_work(
    name: str, instructions: pl.DataFrame, rules: Evolution, requests: int, most: int | None = None
) -> Work:
    """Judging `requests` children, or at most `most`; `instructions`, of which some are looked at, stand for all."""
    like = list(judge_requests(instructions.head(PEEKED), rules.model_copy(update={"readings": 1})))
    asked, most_asked = requests * rules.readings, (most or requests) * rules.readings
    return Work(name, "judge", "evolution/", asked, most_asked, like, VERDICT_TOKENS)
