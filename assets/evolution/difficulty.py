"""How difficult children are to a strong and a weak solver, where a recipe asks for it; and the gate on that.

A child that is code is tried with tests that a tester writes for the first program; mathematics and choices against the
answer that most of the strong solver's draws give.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import polars as pl

from evergrow.assets import metadata
from evergrow.assets.dataset.requests import tests_work
from evergrow.assets.dataset.samples import domains_of, with_tasks
from evergrow.assets.dataset.written_tests import reasons, written_tests
from evergrow.assets.evolution.solving import (
    BY_TESTS,
    MEASURED,
    SOLVERS,
    agreed_problem,
    measurable,
    programs_of,
    solver_requests,
    solving_work,
    texts_of,
)
from evergrow.assets.gates.check import Facts
from evergrow.assets.gates.gate import Gate
from evergrow.assets.names import DIFFICULTY, SEEDS, round_name, stage_key
from evergrow.assets.outcomes import gather, owed, owed_metadata, untried_metadata
from evergrow.assets.table import PROMPT, Declaration, Table, role_values, section_values
from evergrow.assets.trust.questions import draws_of
from evergrow.assets.trust.scores import UNJUDGED, judge_answers
from evergrow.methods.answering.responses import answer_prompt
from evergrow.methods.evaluation.difficulty import agreement_with_judge, gap_reasons, pass_rates, tried
from evergrow.methods.evaluation.problems import Kind, Problem
from evergrow.methods.verification.code_tests import tests_prompt
from evergrow.methods.verification.verdicts import Verdict
from evergrow.resources.models import Models
from evergrow.resources.place import Place, Places
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import Settings
from evergrow.resources.symbolic import symbolic

DRAWS = pl.List(pl.Struct({"solver": pl.String(), "correct": pl.Boolean(), "call_id": pl.String()}))
SCHEMA: Mapping[str, pl.DataType] = {
    **dict.fromkeys(("id", "root_id", "task"), pl.String()),
    **dict.fromkeys(("complexity", "strong", "weak", "gap", "difficulty"), pl.Float64()),
    "below": pl.String(),
    "draws": DRAWS,
    "tests": pl.List(pl.String()),
    **dict.fromkeys(("tests_call_id", "solver_strong_model", "solver_weak_model", "reason"), pl.String()),
}
UNMEASURED = "unmeasured"


def difficulty_table(round_no: int) -> Table:
    """`evolution/round_NN/difficulty`, and its gate; empty where the recipe leaves difficulty to the judge."""
    key = stage_key(round_no, DIFFICULTY)

    async def difficulty(
        context: dg.AssetExecutionContext,
        instructions: pl.DataFrame,
        complexity: pl.DataFrame,
        seeds: pl.DataFrame,
        models: dg.ResourceParam[Models],
        sandbox: dg.ResourceParam[Sandbox | SandboxUnavailable],
        places: dg.ResourceParam[Places],
    ) -> pl.DataFrame:
        """How often a strong and a weak solver get a child right, of the children that they try."""
        place = places.at(context, key)
        if place.settings.evolution.difficulty == "judge":
            return pl.DataFrame(schema=SCHEMA)
        if wrong := same_solvers(place.settings):
            raise dg.Failure(wrong, allow_retries=False)
        children = _children(place.settings, instructions, complexity, seeds)
        table, shown = await _measured(context, place, children, models, sandbox)
        context.add_output_metadata({**shown, **metadata.histogram(table, "difficulty", 1, 10)})
        return table

    declared = Declaration(
        key=key,
        kind="batch",
        group=round_name(round_no),
        job=round_name(round_no),
        ins={
            "instructions": dg.AssetIn(stage_key(round_no, "instructions")),
            "complexity": dg.AssetIn(stage_key(round_no, "complexity")),
            "seeds": dg.AssetIn(SEEDS),
        },
        values=_values,
        stage=DIFFICULTY,
        kinds=("openai",),
        pool="llm",
        asks=True,
    )
    others = {"complexity": dg.AssetIn(stage_key(round_no, "complexity"))}
    return declared.table(difficulty, Gate(DIFFICULTY, _facts, others))


def same_solvers(settings: Settings) -> str | None:
    """What is wrong where difficulty is to be measured by two solvers that are one model: they tell nothing."""
    strong, weak = (settings.role(name) for name in SOLVERS)
    if settings.evolution.difficulty == "judge" or (strong.model, strong.endpoints) != (weak.model, weak.endpoints):
        return None
    return (
        f"evolution.difficulty is {settings.evolution.difficulty!r}, but both solvers are {strong.model!r}: set "
        "roles.solver_strong.model and roles.solver_weak.model to two models, or evolution.difficulty to judge"
    )


def _values(settings: Settings) -> dict[str, object]:
    how = section_values(settings, "evolution", "difficulty")
    if settings.evolution.difficulty == "judge":
        return how
    prompts = {f"{PROMPT}answer_{task}": answer_prompt(task).version for task in MEASURED}
    return {
        **how,
        **prompts,
        f"{PROMPT}tests": tests_prompt().version,
        **role_values(settings, *SOLVERS, "tester"),
        **section_values(settings, "solvers"),
        **section_values(settings, "answers", "tasks"),
        **section_values(settings, "verification", "tests", "test_rounds", "min_agreement"),
        **section_values(settings, "sandbox", "wall_s", "cpu_s", "memory_mb", "packages"),
    }


def _facts(place: Place, table: pl.DataFrame, complexity: pl.DataFrame) -> Facts:
    evolution, rules = place.settings.evolution, place.settings.solvers
    scored = metadata.kept(complexity).height
    wanted = {"judge": 0, "both": min(rules.rows, scored), "solvers": scored}[evolution.difficulty]
    rates = table.drop_nulls("difficulty")
    agreement = agreement_with_judge(rates.rename({"difficulty": "measured"}).drop("complexity"), table)
    return {"requested": wanted, "rank_correlation": agreement}


def _children(
    settings: Settings, instructions: pl.DataFrame, complexity: pl.DataFrame, seeds: pl.DataFrame
) -> pl.DataFrame:
    """The children that are tried: `row, id, root_id, domain, kind, content, complexity, task`."""
    roots = seeds.select(root_id="id", kind=pl.col("kind") if "kind" in seeds.columns else pl.lit(None, pl.String))
    children = (
        complexity.select("id", "root_id", "complexity")
        .join(instructions.select("id", "domain", "content"), on="id", maintain_order="left")
        .join(roots, on="root_id", how="left", maintain_order="left")
    )
    if settings.evolution.difficulty == "both":
        children = tried(children, settings.solvers.rows)
    return with_tasks(settings, children, domains_of(settings, children))


async def _measured(
    context: dg.AssetExecutionContext,
    place: Place,
    children: pl.DataFrame,
    models: Models,
    sandbox: Sandbox | SandboxUnavailable,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The table, and what is shown of it."""
    settings, rules = place.settings, place.settings.solvers
    packages = Packages.of(settings.sandbox).modules
    able = [measurable(task, content) for task, content in children.select("task", "content").iter_rows()]
    asked = children.filter(pl.Series(able, dtype=pl.Boolean))
    programs = asked.filter(pl.col("task") == BY_TESTS).with_columns(code="content")
    planned = models.forecast(
        place,
        *solving_work(asked, rules, packages),
        tests_work(programs, settings.verification, packages),
    )
    async with models.engine(context, place) as engine:
        requests = solver_requests(asked, rules, packages)
        total = asked.height * rules.draws * len(SOLVERS)
        outcomes = engine.ask(requests, str, label=DIFFICULTY, total=total)
        drawn = await gather(outcomes, lambda text: {"answer": text}, {"answer": pl.String})
        drawn = drawn.hstack(draws_of(drawn["id"]))
        answered = drawn.filter(pl.col("reason").is_null())
        written = await written_tests(engine, programs_of(asked, answered), settings.verification, packages)
    problems = _problems(asked, answered, written, rules.draws, settings.verification.min_agreement)
    usable = answered.filter(pl.col("problem").is_in([problem.id for problem in problems]))
    judged = judge_answers(problems, usable, sandbox, settings.sandbox.wall_s)
    told = owed(pl.concat([drawn.select("reason"), reasons(written)]))
    table = _table(settings, children, asked, drawn, judged, written)
    return table, {
        **metadata.asked(planned, engine.summary()),
        **owed_metadata(told),
        **untried_metadata(judged["verdict"], judged["detail"]),
        "tried": children.height,
    }


def _problems(
    asked: pl.DataFrame, answered: pl.DataFrame, written: pl.DataFrame, draws: int, min_agreement: float
) -> list[Problem]:
    """The children whose right answers can be told: by tests, or by what the strong solver's draws agree on."""
    tests = dict(written.drop_nulls("tests").select("id", "tests").iter_rows())
    strong = texts_of(answered.filter(pl.col("draw") < draws))

    def told(child: str, task: Kind, content: str) -> Problem | None:
        if task == BY_TESTS:
            return Problem(child, task, content, tests=tuple(tests[child])) if child in tests else None
        return agreed_problem(Problem(child, task, content), strong.get(child, ()), comparing.same, min_agreement)

    with symbolic() as comparing, ThreadPoolExecutor(comparing.workers) as threads:
        found = threads.map(lambda row: told(*row), asked.select("id", "task", "content").iter_rows())
        return [problem for problem in found if problem]


def _table(
    settings: Settings,
    children: pl.DataFrame,
    asked: pl.DataFrame,
    drawn: pl.DataFrame,
    judged: pl.DataFrame,
    written: pl.DataFrame,
) -> pl.DataFrame:
    """A row for each child tried, in the order of `children`."""
    rules = settings.solvers
    told = judged.with_columns(
        correct=pl.when(~pl.col("verdict").is_in([str(one) for one in UNJUDGED])).then(
            pl.col("verdict") == Verdict.PASS
        )
    )
    draws = (
        drawn.join(told.select("problem", "draw", "correct"), on=["problem", "draw"], how="left")
        .with_columns(solver=pl.when(pl.col("draw") < rules.draws).then(pl.lit("strong")).otherwise(pl.lit("weak")))
        .sort("problem", "draw")
    )
    rates = pass_rates(draws.select("solver", "correct", id="problem"))
    rates = rates.with_columns(below=gap_reasons(rates, rules.min_strong, rules.max_weak, rules.min_gap))
    by_child = draws.group_by("problem").agg(
        draws=pl.struct("solver", "correct", "call_id"),
        solver_strong_model=pl.col("model").filter(pl.col("solver") == "strong").drop_nulls().first(),
        solver_weak_model=pl.col("model").filter(pl.col("solver") == "weak").drop_nulls().first(),
        why=pl.col("reason").drop_nulls().first(),
    )
    untested = written.select("id", "tests", tests_call_id="call_id", no_tests=pl.format("no tests: {}", "reason"))
    return (
        children.join(rates.rename({"measured": "difficulty"}), on="id", how="left", maintain_order="left")
        .join(by_child.rename({"problem": "id"}), on="id", how="left", maintain_order="left")
        .join(untested, on="id", how="left", maintain_order="left")
        .with_columns(asked=pl.col("id").is_in(asked["id"].implode()))
        .with_columns(reason=_reason())
        .select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )


def _reason() -> pl.Expr:
    """Why the difficulty of a child is not known."""
    nothing = pl.format("{}: nothing tells right answers to a task of kind {}", pl.lit(UNMEASURED), "task")
    unclear = pl.coalesce(pl.col("no_tests"), pl.lit("its tests do not run, or too few of the draws agree"))
    return (
        pl.when(pl.col("difficulty").is_not_null())
        .then(None)
        .when(~pl.col("asked"))
        .then(nothing)
        .otherwise(pl.coalesce("why", pl.format("{}: {}", pl.lit(UNMEASURED), unclear)))
    )
