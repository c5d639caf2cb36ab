"""Which answers are right: tests for code, run in the sandbox; agreement of several draws for maths and choices."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.dataset.requests import tests_work
from evergrow.assets.dataset.responses import ANSWER, DRAW, with_reasoning
from evergrow.assets.dataset.responses import COLUMNS as ANSWERED
from evergrow.assets.dataset.written_tests import reasons, written_tests
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import RESPONSES, VERIFIED
from evergrow.assets.outcomes import owed, owed_metadata, untried_metadata
from evergrow.assets.table import Declaration, Table, as_text, role_values, section_values
from evergrow.methods.verification.choices import options, verify_choice
from evergrow.methods.verification.code_tests import tests_prompt
from evergrow.methods.verification.maths import verify_maths
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.lake.lake import Lake
from evergrow.resources.lake.versions import (
    LAKE_PATH,
    OWED,
    UNTRIED,
    Read,
    data_version,
    latest_materialization,
    made_from,
    noted,
)
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.code_verification import SCHEMA as TRIED
from evergrow.resources.sandbox.code_verification import verify
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset
from evergrow.resources.symbolic import symbolic

STAGE = "verified"
OF_MACHINE = ("sandbox.workers", "sandbox.environment")  # where programs run shapes no verdict
VERDICT: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("verdict", "verdict_detail"), pl.String),
    "agreement": pl.Float64,
    **dict.fromkeys(("tests", "dropped_tests", "packages"), pl.List(pl.String)),
    **dict.fromkeys(("tester_model", "tests_call_id", "sandbox"), pl.String),
}
BY_AGREEMENT = ("maths", "choice")
AGREED = {
    **dict.fromkeys(("id", "verdict", "verdict_detail"), pl.String),
    "agreement": pl.Float64,
    **dict.fromkeys(ANSWER, pl.String),
}
COLUMNS = (*(name for name in ANSWERED if name != "reason"), *VERDICT, "reason")


def verified_table() -> Table:
    """`dataset/verified`, and its gate."""
    return _declared().table(verified, Gate(STAGE, _facts, {"responses": dg.AssetIn(RESPONSES)}))


def _declared() -> Declaration:
    return Declaration(
        key=VERIFIED,
        kind="batch",
        group="dataset",
        job=STAGE,
        ins={"responses": dg.AssetIn(RESPONSES)},
        prompts={"tests": tests_prompt().version},
        values=lambda settings: {
            **role_values(settings, "tester"),
            **section_values(settings, "verification"),
            **{name: value for name, value in section_values(settings, "sandbox").items() if name not in OF_MACHINE},
        },
        stage=STAGE,
        kinds=("python",),
        pool="llm",
        asks=True,
    )


async def verified(
    context: dg.AssetExecutionContext,
    responses: pl.DataFrame,
    lake: dg.ResourceParam[Lake],
    models: dg.ResourceParam[Models],
    sandbox: dg.ResourceParam[Sandbox | SandboxUnavailable],
    places: dg.ResourceParam[Places],
) -> pl.DataFrame:
    """Every answer with its verdict; those whose verdict does not go on have it as their reason."""
    place = places.at(context, VERIFIED)
    rules = place.settings.verification
    programs = responses.filter(pl.col("task") == "code").select("id", "content", code="final_answer")
    packages = Packages.of(place.settings.sandbox).modules
    planned = models.forecast(place, tests_work(programs, rules, packages))
    async with models.engine(context, place) as engine:
        written = await written_tests(engine, programs, rules, packages)
    known = _tried_before(place, lake, programs, written)
    left = written.join(known, on="id", how="anti", maintain_order="left")
    with models.progress.track(STAGE, left["reason"].null_count()) as advance:
        run = partial(verify, sandbox=sandbox, rules=rules, advance=advance)
        by_tests = _by_tests(programs, written, known, run)
    judged = [by_tests, _by_agreement(responses, rules.min_agreement)]
    table = _with_verdicts(responses, pl.concat(judged, how="diagonal"), rules)
    context.add_output_metadata(
        {
            **metadata.asked(planned, engine.summary()),
            **owed_metadata(owed(reasons(written))),
            **untried_metadata(by_tests["verdict"], by_tests["verdict_detail"]),
            "programs_run": by_tests.join(known, on="id", how="anti")["sandbox"].count(),
            "short_of_tests": written.filter(pl.col("tests").list.len() < rules.tests).height,
            "sandbox": sandbox.level if isinstance(sandbox, Sandbox) else f"none: {sandbox}",
            "verdicts": dg.MetadataValue.json(dict(table["verdict"].value_counts().sort("verdict").iter_rows())),
            **metadata.sample(table, "content", "verdict"),
        }
    )
    return table


def _facts(place: Place, table: pl.DataFrame, responses: pl.DataFrame) -> Facts:
    return {
        "requested": metadata.kept(responses).height,
        "kept_against_settings": _kept_against(table, place.settings.verification),
    }


def _tried_before(place: Place, lake: Lake, programs: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of programs that ran already, where others of them found no sandbox: only these are run again.

    They are as good as new where that version has the same answers and rules, and the same tests; none of them is owed.
    """
    before = latest_materialization(place.instance, VERIFIED, place.partition)
    answers = latest_materialization(place.instance, RESPONSES, place.partition)
    if before is None or answers is None or not noted(before, UNTRIED) or noted(before, OWED):
        return pl.DataFrame(schema=TRIED)
    record, read = made_from(before), Read(RESPONSES, place.partition, data_version(answers))
    same_rules = record.values == as_text(_declared().named_values(place.settings))
    if not same_rules or record.read != (read,) or lake.damage(str(noted(before, LAKE_PATH))):
        return pl.DataFrame(schema=TRIED)
    same = programs.join(written, on="id").select("id", tests_call_id="call_id")
    found = lake.version(before, "all").filter(pl.col("sandbox").is_not_null()).collect()
    return found.join(same, on=["id", "tests_call_id"], how="semi").select(list(TRIED))


def _by_tests(
    programs: pl.DataFrame, written: pl.DataFrame, known: pl.DataFrame, run: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """The verdicts of tests, and of programs for which there are none: `id` and the columns of `VERDICT`.

    Those that are `known` are not run again.
    """
    answers = programs.join(written, on="id", how="left", maintain_order="left")
    answers = answers.join(known, on="id", how="anti", maintain_order="left")
    untested = answers.filter(pl.col("tests").is_null()).select(
        "id", verdict=pl.lit(Verdict.UNVERIFIED), verdict_detail=pl.format("no tests: {}", "reason")
    )
    tested = run(answers.drop_nulls("tests").select("id", "code", "tests"))
    unread = answers.select("id", unread="dropped")
    tested = tested.join(unread, on="id", how="left", maintain_order="left").with_columns(
        dropped_tests=pl.concat_list(pl.col("unread").fill_null([]), "dropped_tests")
    )
    tested = tested.drop("unread")
    made_by = written.select("id", tester_model="model", tests_call_id="call_id")
    return pl.concat([tested, untested, known], how="diagonal").join(made_by, on="id", how="left")


def _by_agreement(responses: pl.DataFrame, share: float) -> pl.DataFrame:
    """The verdicts of draws: `id, verdict, verdict_detail, agreement`, and the answer that won, with who wrote it."""
    asked = responses.filter(pl.col("task").is_in(BY_AGREEMENT)).select("id", "task", "content", "letter", "draws")

    def decided(name: str, task: str, content: str, letter: str | None, draws: list[dict[str, Any]]) -> tuple[Any, ...]:
        finals = [draw["final"] for draw in draws]
        if task == "maths":
            decision = verify_maths(finals, comparing.same, share)
        else:
            decision = verify_choice(finals, options(content), letter, share)
        won = draws[decision.chosen] if decision.chosen is not None else dict.fromkeys(DRAW)
        return (name, decision.verdict, decision.detail, decision.agreement, *(won.get(part) for part in DRAW))

    with symbolic() as comparing, ThreadPoolExecutor(comparing.workers) as threads:
        rows = list(threads.map(lambda row: decided(*row), asked.iter_rows()))
    return pl.DataFrame(rows, schema=AGREED, orient="row")


def _with_verdicts(responses: pl.DataFrame, judged: pl.DataFrame, rules: dataset.Verification) -> pl.DataFrame:
    """The table: what nothing can decide is unverified; a response that was outvoted gives way to the winner's."""
    table = with_reasoning(responses).join(judged, on="id", how="left", maintain_order="left", suffix="_won")
    outvoted = pl.col("response_won").is_not_null()  # of the winner comes everything, also what it does not have
    table = table.with_columns(pl.when(outvoted).then(f"{name}_won").otherwise(name).alias(name) for name in ANSWER)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in VERDICT.items() if name not in table.columns]
    table = table.with_columns(missing).with_columns(pl.col("verdict").fill_null(Verdict.UNVERIFIED))
    why = pl.concat_str("verdict", "verdict_detail", separator=": ", ignore_nulls=True)
    return table.with_columns(reason=pl.when(~_goes_on(rules)).then(why)).select(COLUMNS)


def _goes_on(rules: dataset.Verification) -> pl.Expr:
    """Whether the settings let a row's verdict go on, by its kind of task; what needs no answer always does."""
    allowed = [(pl.col("task") == task) & pl.col("verdict").is_in(list(v)) for task, v in rules.keep]
    return pl.any_horizontal(pl.col("task") == "none", *allowed)


def _kept_against(table: pl.DataFrame, rules: dataset.Verification) -> int:
    return metadata.kept(table).filter(~_goes_on(rules)).height
