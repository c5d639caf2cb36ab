"""The ways of asking a judge, compared on the planted tasks at the price of one of them, and which of them to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl

from evergrow.assets.gates.check import evaluate
from evergrow.assets.names import JUDGE
from evergrow.assets.trust.judge import STAGE, calibration_of, comparable, judge_facts, readings_by, scores_by
from evergrow.assets.trust.questions import READING_TOKENS, asked_of, reading_requests
from evergrow.flows.calibrate import calibrate_judge, known_name, plan_readings
from evergrow.flows.plan import CostPlan
from evergrow.flows.run import Say
from evergrow.flows.workspace import Workspace
from evergrow.methods.calibration.method_comparison import best, compare
from evergrow.methods.evolution.judge import Judging
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger.sums import CHARS_PER_TOKEN
from evergrow.resources.llm.prices import price_of
from evergrow.resources.settings import Settings

MOST_READINGS = 5  # as `evolution.readings` has it
SHOWN = (
    *("rank_correlation", "pairs_in_order", "retest_change", "injection_gain", "length_bias", "unfit_caught"),
    *("scores_used", "unread"),
)
SCHEMA = {
    "method": pl.String,
    "readings": pl.Int64,
    "tokens_a_score": pl.Float64,
    "usd_a_score": pl.Float64,
    **dict.fromkeys(SHOWN, pl.Float64),
    "trusted": pl.Boolean,
    **dict.fromkeys(("against_today", "low", "high"), pl.Float64),
    "best": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class MethodComparison:
    """One row a method in `table`, and the method to take with its readings; None where none can be trusted."""

    table: pl.DataFrame
    best: tuple[Judging, int] | None


def at_price(settings: Settings, model: str, methods: Sequence[Judging], readings: int) -> dict[Judging, int]:
    """How many readings of each method cost about what so many of today's do: one at least, five at most."""
    price = price_of(settings, model)
    per_token = (price.input, price.output) if price and price.input + price.output else (1.0, 1.0)

    def cost(method: Judging) -> float:
        asked = list(reading_requests({method: 1}))
        chars = sum(len(one.system) + len(one.user) for one in asked) / len(asked)
        return chars / CHARS_PER_TOKEN * per_token[0] + READING_TOKENS * per_token[1]

    today = settings.evolution.judging
    total = readings * cost(today)
    found = {name: min(MOST_READINGS, max(1, round(total / cost(name)))) for name in methods if name != today}
    return {today: readings, **found}


def plan_comparison(
    workspace: Workspace, model: str, methods: Mapping[Judging, int], *, fresh: bool = False
) -> CostPlan:
    """What reading the planted tasks by all these methods would take; `fresh`: anew, whatever the ledger has."""
    settings = asked_of(workspace.settings, "judge", known_name(model))
    with workspace.ledger() as ledger:
        return plan_readings(settings, ledger, model, methods, fresh=fresh)


def compare_methods(
    workspace: Workspace, model: str, methods: Mapping[Judging, int], say: Say, *, fresh: bool = False
) -> MethodComparison:
    """Have a judge read the planted tasks by each method, as far as the ledger does not have its readings.

    The best is the one of today, unless another ranks the tasks better beyond chance, or today's cannot be trusted: a
    method is trusted that passes the gate of `trust/judge`.

    Raises:
        SettingsError, BatchBusy, RunFailed: as of `calibrate_judge`.
    """
    calibrate_judge(workspace, model, say, fresh=fresh, methods=methods)
    record = latest_materialization(workspace.instance, JUDGE, model)
    if record is None:  # its answers are waited for, which was said
        return MethodComparison(pl.DataFrame(schema=SCHEMA), None)
    table = comparable(workspace.lake.version(record, "all").collect())
    ways = {name: _asked_so(workspace.settings, name, together) for name, together in methods.items()}
    scores = {name: scores_by(table, settings.evolution) for name, settings in ways.items()}
    trusted = {name: scores[name] for name, settings in ways.items() if _trusted(table, settings)}
    today = workspace.settings.evolution.judging
    taken = best(today, trusted)
    rivals = max(len(methods) - 1, 1)
    rows = []
    for name, settings in ways.items():
        figures = calibration_of(table, settings.evolution).figures()
        told = compare(scores[name], scores[today], rivals)
        rows.append(
            (
                *(name, methods[name], *_paid(workspace, table, settings)),
                *(None if (value := figures[one]) is None else float(value) for one in SHOWN),
                *(name in trusted, told.difference, told.low, told.high, name == taken),
            )
        )
    # Today's way stays as it is set: what it would be with other readings was not compared with that.
    readings = {**methods, today: workspace.settings.evolution.readings}
    found = None if taken is None else (taken, readings[taken])
    return MethodComparison(pl.DataFrame(rows, schema=SCHEMA, orient="row"), found)


def _asked_so(settings: Settings, judging: Judging, readings: int) -> Settings:
    rules = settings.evolution.model_copy(update={"judging": judging, "readings": readings})
    return settings.model_copy(update={"evolution": rules})


def _trusted(table: pl.DataFrame, settings: Settings) -> bool:
    found = evaluate(STAGE, readings_by(table, settings.evolution), settings, judge_facts(table, settings.evolution))
    return found.passed or found.severity is dg.AssetCheckSeverity.WARN


def _paid(workspace: Workspace, table: pl.DataFrame, settings: Settings) -> tuple[float | None, float | None]:
    """Tokens and US dollars of a score by the ledger, on average; None where they are not known."""
    rules = settings.evolution
    with workspace.ledger() as ledger:
        calls = ledger.calls(readings_by(table, rules)["call_id"].drop_nulls().to_list()).values()
    tokens = [
        one.tokens_in + one.tokens_out for one in calls if one.tokens_in is not None and one.tokens_out is not None
    ]
    usd = [one.usd for one in calls if one.usd is not None]
    return (
        rules.readings * sum(tokens) / len(tokens) if tokens else None,
        rules.readings * sum(usd) / len(usd) if usd and len(usd) == len(calls) else None,
    )
