"""Preference pairs of a release, from the draws that verified its answers and from its families."""

import polars as pl

from evergrow.assets.dataset.clean import as_rules
from evergrow.assets.names import VERIFIED
from evergrow.flows.recipes import settings_of
from evergrow.flows.workspace import Workspace
from evergrow.methods.releasing.formats import Form, with_thoughts
from evergrow.methods.releasing.preferences import preference_pairs, private_pairs, sample_of, unpaired
from evergrow.methods.verification.maths import told_apart
from evergrow.resources.releases.writing import NothingToRelease

PRIVATE = "pairs whose worse answer holds secrets or personal data"
REPLACED = ("id", "split", "root_id", "license")
# A pair has two answers, and the thoughts of one explain nothing of the other.
OF_ONE_ANSWER = ("response_reasoning", "answer")


def paired(
    workspace: Workspace, rows: pl.DataFrame, form: Form, *, reasoning: bool = False
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The pairs of released rows, or for KTO their answers one by one; what explains the task stays beside them.

    reasoning: answers begin with what the model thought before them.

    Returns the pairs, and how many are left out, by why.

    Raises:
        NothingToRelease: there is none; the message says what pairs need.
    """
    gaps = workspace.settings.pairs
    if reasoning and "response_reasoning" in rows.columns:
        rows = rows.with_columns(
            answer="response", response=with_thoughts(pl.col("response"), pl.col("response_reasoning"))
        )
    drawn = [_drawn(workspace, batch, reasoning=reasoning) for batch in _batches(rows)]
    known = rows.join(pl.concat(drawn, how="diagonal_relaxed"), on=["batch", "id"], how="left", maintain_order="left")
    differ = {"maths": lambda one, other: told_apart(one, other) is False, "choice": lambda one, other: one != other}
    pairs = preference_pairs(
        known, differ, min_agreement_gap=gaps.min_agreement_gap, min_complexity_gap=gaps.min_complexity_gap
    )
    if pairs.is_empty():
        raise NothingToRelease(
            f"no pair among {rows.height:,} rows: pairs need maths or choices whose draws disagree by "
            f"pairs.min_agreement_gap ({gaps.min_agreement_gap:g}), or a parent and its child that are both released "
            f"and pairs.min_complexity_gap ({gaps.min_complexity_gap:g}) points apart"
        )
    rules = {batch: as_rules(settings_of(workspace, "batch", batch).cleaning) for batch in _batches(rows)}
    private = private_pairs(pairs, rules)
    left_out = {PRIVATE: hidden} if (hidden := int(private.sum())) else {}
    pairs = pairs.filter(~private)
    sample = sample_of(pl.col("id"))
    told = rows.drop(*REPLACED, "response", *OF_ONE_ANSWER, strict=False).rename({"content": "instruction"})
    whole = pairs.with_columns(_sample=sample).join(
        told.with_columns(_sample=rows["id"]), on=["batch", "_sample"], how="left", maintain_order="left"
    )
    return (unpaired(whole) if form == "kto" else whole).drop("_sample"), left_out


def _drawn(workspace: Workspace, batch: str, *, reasoning: bool) -> pl.DataFrame:
    """The draws of a batch as they are today: a release stays exportable whatever was made again since."""
    rows = workspace.lake.scan(workspace.instance, VERIFIED, batch, guarded=False)
    found = rows.select("batch", "id", "draws").collect()
    part = pl.element().struct.field
    tells = "thoughts" in found["draws"].head(0).explode().struct.fields  # earlier versions kept none
    said = with_thoughts(part("text"), part("thoughts")) if reasoning and tells else part("text")
    return found.with_columns(pl.col("draws").list.eval(pl.struct(said.alias("text"), part("final"))))


def _batches(rows: pl.DataFrame) -> list[str]:
    return sorted(rows["batch"].unique())
