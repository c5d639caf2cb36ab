"""Pairs of a better and a worse answer to one question, as preference trainers read them (DPO, KTO in TRL).

Two sources. *Draws*: of several answers to one question that were drawn to verify it, one that ends with another result
than the one that was verified is the worse. *Parents*: the answer to the task that a harder one was evolved from misses
what was added to it; how much harder it is, by the judge, is the gap.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from evergrow.methods.quality.filters import private_reasons
from evergrow.methods.quality.rules import CleaningRules

Differs = Callable[[str, str], bool]
TURN = pl.Struct({"role": pl.String(), "content": pl.String()})
SCHEMA: dict[str, Any] = {
    "prompt": pl.List(TURN),
    "chosen": pl.List(TURN),
    "rejected": pl.List(TURN),
    **dict.fromkeys(("chosen_score", "rejected_score", "gap"), pl.Float64),
    **dict.fromkeys(("why", "pair_source", "rejected_id", "id", "batch", "root_id", "split", "license"), pl.String),
}
DRAWS, PARENT = "draws", "parent"


def preference_pairs(
    rows: pl.DataFrame, differ: Mapping[str, Differs], *, min_agreement_gap: float, min_complexity_gap: float
) -> pl.DataFrame:
    """One row per pair, in the columns of `SCHEMA`.

    Args:
        rows: released rows with an answer: `id, batch, root_id, parent_id, content, response, final_answer, task,
            complexity, split, license` and `draws` (List[Struct{text, final}]); `answer`, if there, is the response
            without the thoughts before it, by which responses are told apart.
        differ: by kind of task, whether two final answers surely say different things.
        min_agreement_gap: of draws: share of draws that agree with the better answer less that of the worse, 0 to 1.
        min_complexity_gap: of parents: complexity of the task less that of its parent, points.
    """
    found = [*_of_draws(rows, differ, min_agreement_gap), *_of_parents(rows, min_complexity_gap)]
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def private_pairs(pairs: pl.DataFrame, rules: Mapping[str, CleaningRules]) -> pl.Series:
    """Whether the worse answer of each pair holds secrets or personal data: cleaning reads the better one alone.

    rules: of cleaning, by batch.
    """
    worse = pairs.select("batch", content=pl.col("rejected").list.first().struct.field("content")).with_row_index()
    held: list[int] = []
    for (batch,), part in worse.group_by("batch"):
        held += part.filter(private_reasons(part, rules[str(batch)]).is_not_null())["index"].to_list()
    return worse["index"].is_in(held)


def unpaired(pairs: pl.DataFrame) -> pl.DataFrame:
    """Each answer of a pair by itself, as KTO reads it: `prompt, completion, label` and the pair's other columns.

    An answer that is in several pairs stands once.
    """
    rest = [name for name in pairs.columns if name not in ("prompt", "chosen", "rejected")]
    sides = [
        pairs.select("prompt", pl.col(side).alias("completion"), pl.lit(side == "chosen").alias("label"), *rest)
        for side in ("chosen", "rejected")
    ]
    both = pl.concat(sides).with_columns(said=pl.col("completion").list.first().struct.field("content"))
    once = both.unique(["batch", "root_id", "label", "said", "split"], keep="first", maintain_order=True)
    return once.drop("said").with_columns(id=pl.format("{}:{}", "id", pl.col("label").cast(pl.Int8)))


def sample_of(pair_id: pl.Expr) -> pl.Expr:
    """The id of the sample that a pair, or half of one, is of."""
    return pair_id.str.replace(r":[01]$", "").str.replace(r"(#\d+|\^)$", "")


def _of_draws(rows: pl.DataFrame, differ: Mapping[str, Differs], min_gap: float) -> Iterator[dict[str, Any]]:
    asked = rows.filter(pl.col("task").is_in(list(differ)) & (pl.col("draws").list.len() > 1))
    for row in asked.iter_rows(named=True):
        usable = [draw for draw in row["draws"] if draw and draw["final"] is not None]
        right = row["final_answer"]
        if right is None or not usable:
            continue
        others = [draw for draw in usable if differ[row["task"]](draw["final"], right)]
        agree = (len(usable) - len(others)) / len(usable)
        for number, draw in enumerate(_different(others)):
            share = sum(other["final"] == draw["final"] for other in usable) / len(usable)
            if agree - share >= min_gap:
                why = f"{agree:.0%} of the draws agree with the better answer, {share:.0%} with this one"
                yield _pair(row, draw["text"], f"{row['id']}#{number}", (agree, share), why, DRAWS, row["id"])


def _of_parents(rows: pl.DataFrame, min_gap: float) -> Iterator[dict[str, Any]]:
    rows = rows if "answer" in rows.columns else rows.with_columns(answer="response")
    parent = rows.select("batch", parent_id="id", worse="response", worse_answer="answer", easier="complexity")
    born = rows.join(parent, on=["batch", "parent_id"], how="inner", maintain_order="left")
    kept = born.filter(pl.col("complexity") - pl.col("easier") >= min_gap, pl.col("answer") != pl.col("worse_answer"))
    for row in kept.iter_rows(named=True):
        scores = (row["complexity"], row["easier"])
        why = f"the worse answers the task that this one was evolved from, {scores[0] - scores[1]:.1f} points easier"
        yield _pair(row, row["worse"], f"{row['id']}^", scores, why, PARENT, row["parent_id"])


def _pair(
    row: Mapping[str, Any], worse: str, id_: str, scores: tuple[float, float], why: str, source: str, rejected: str
) -> dict[str, Any]:
    told = {name: row.get(name) for name in ("batch", "root_id", "split", "license")}
    return {
        "prompt": [{"role": "user", "content": row["content"]}],
        "chosen": [{"role": "assistant", "content": row["response"]}],
        "rejected": [{"role": "assistant", "content": worse}],
        "chosen_score": scores[0],
        "rejected_score": scores[1],
        "gap": scores[0] - scores[1],
        "why": why,
        "pair_source": source,
        "rejected_id": rejected,
        "id": id_,
        **told,
    }


def _different(draws: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first of those that end alike."""
    return list({draw["final"]: draw for draw in reversed(draws)}.values())[::-1]
