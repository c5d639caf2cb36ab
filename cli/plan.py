"""What a run would take, before it is spent."""

from collections.abc import Iterator

import polars as pl

from evergrow.assets.frontier import next_round_no
from evergrow.assets.keys import SEEDS, parents_key, round_name
from evergrow.assets.requests import as_parents, child_requests, judge_requests
from evergrow.cli.workspace import Workspace
from evergrow.methods.tree_of_evolution.growth import largest_rounds
from evergrow.resources.batches import staged
from evergrow.resources.forecast import Forecast, forecast
from evergrow.resources.ledger import Ledger
from evergrow.resources.models import PEEKED

SCHEMA = {
    "step": pl.String,
    "model": pl.String,
    "requests": pl.Int64,
    "tokens_in": pl.Int64,
    "tokens_out": pl.Int64,
    "usd": pl.Float64,
    "seconds": pl.Float64,
    "basis": pl.String,
}


def plan(workspace: Workspace, batch: str) -> pl.DataFrame:
    """One row per step that asks a model, from the round that the batch has come to, and their sum.

    Figures are the most that the settings allow: every child usable, nothing answered from the ledger, no repairs.
    `usd` and `seconds` are null where a price or the speed of the endpoint is not known.
    """
    with workspace.ledger() as ledger:
        steps = list(_steps(workspace, ledger, batch))
    rows = [(f.work, f.model, f.requests, f.tokens_in, f.tokens_out, f.usd, f.seconds, f.basis) for f in steps]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    numbers = ("requests", "tokens_in", "tokens_out", "usd", "seconds")
    known = [pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in numbers]
    total = table.select(pl.lit("in all").alias("step"), *known)
    return pl.concat([table, total], how="diagonal_relaxed").cast(dict(SCHEMA.items()))


def _steps(workspace: Workspace, ledger: Ledger, batch: str) -> Iterator[Forecast]:
    settings = workspace.settings
    rules = settings.evolution
    first = next_round_no(workspace.instance, batch, rules.rounds)
    parents = _parents(workspace, batch, first)
    some = as_parents(parents.head(PEEKED))
    for size in largest_rounds(parents.height, rules.children, rules.beam, first, rules.rounds):
        name = round_name(size.round_no)
        for stage, role, requests in (
            ("instructions", "generator", child_requests(some, 1)),
            ("complexity", "judge", judge_requests(some)),
        ):
            prompts = [request.system + request.user for request in requests]
            work = f"{name}/{stage}"
            yield forecast(settings, ledger, work=work, role=role, requests=size.children, prompts=prompts)


def _parents(workspace: Workspace, batch: str, round_no: int) -> pl.DataFrame:
    """Those that enter the round: what was accepted before it, or the registered seeds."""
    if parents_key(round_no) == SEEDS:
        seeds = staged(workspace.home, batch).read()
        return seeds.with_columns(root_id="id", domain=pl.lit(""))
    return workspace.table(parents_key(round_no), batch).collect()


def over_budget(workspace: Workspace, batch: str, table: pl.DataFrame) -> list[str]:
    """The batch's limits that the plan goes beyond, with what is spent already."""
    budget, total = workspace.settings.budget, table.filter(pl.col("step") == "in all").to_dicts()[0]
    with workspace.ledger() as ledger:
        spent = ledger.spent(batch)
    tokens = spent.tokens + (total["tokens_in"] or 0) + (total["tokens_out"] or 0)
    found = []
    if budget.max_tokens and tokens > budget.max_tokens:
        found.append(f"{tokens:,} tokens with those spent, budget.max_tokens is {budget.max_tokens:,}")
    if budget.max_usd and total["usd"] is not None and spent.usd + total["usd"] > budget.max_usd:
        found.append(f"${spent.usd + total['usd']:,.2f} with those spent, budget.max_usd is ${budget.max_usd:,.2f}")
    return found
