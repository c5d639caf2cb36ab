"""Evaluates models on benchmarks: what it would take, doing it, pass@k, two models side by side, contamination."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from evergrow.assets.names import MODELS_NAME, SCORES
from evergrow.assets.trust.questions import answer_requests, answers_work, asked_of
from evergrow.flows.calibrate import known_name
from evergrow.flows.plan import CostPlan, planned
from evergrow.flows.replies import still_asked
from evergrow.flows.run import Say, execute, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.workspace import Workspace
from evergrow.methods.evaluation.passing import compare, score
from evergrow.methods.quality.contamination import find_contamination
from evergrow.methods.text.counts import counted
from evergrow.resources.evaluation.question_files import Benchmark, read_benchmark
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.owners import lease_name
from evergrow.resources.releases.manifest import read_manifest

OP = "evaluation__scores"
SCHEMA = {
    "benchmark": pl.String, "draws": pl.Int64, "temperature": pl.Float64, "k": pl.Int64, "pass_at_k": pl.Float64,
    "low": pl.Float64, "high": pl.Float64, "problems": pl.Int64, "unjudged": pl.Int64,
}  # fmt: skip
SHOWN_CHARS = 4_000  # of a problem that is shown
USUAL = {"livecodebench": (10, 0.2)}  # draws and temperature as the papers have them (method.md E.1); else greedy


class NeverEvaluated(Exception):  # noqa: N818 - it is a state of the model
    """A model has no answers to a benchmark; the message says which, and how to have them made."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's task: a benchmark, how many draws of each problem, at which temperature."""

    model: str
    benchmark: str
    draws: int
    temperature: float


def evaluation_of(model: str, benchmark: str, draws: int | None, temperature: float | None) -> Evaluation:
    """What is asked for, the rest as the papers have it for the benchmark: greedy, but for LiveCodeBench.

    Raises:
        SettingsError: the name is none that a model can have.
    """
    usual = next((value for name, value in USUAL.items() if name in benchmark.lower()), (1, 0.0))
    warm = usual[1] if draws in (None, 1) else usual[1] or 0.2  # equal answers tell nothing: several need some warmth
    return Evaluation(known_name(model), benchmark, draws or usual[0], warm if temperature is None else temperature)


def plan_evaluation(workspace: Workspace, wanted: Evaluation) -> CostPlan:
    """What it would take.

    Raises:
        BenchmarkError: there is no such benchmark, or its file is at fault.
    """
    settings = asked_of(workspace.settings, "candidate", wanted.model)
    found = _benchmark(workspace, wanted.benchmark)
    work = answers_work(found.problems, wanted.draws, wanted.temperature)
    asked = answer_requests(found.problems, wanted.draws, wanted.temperature)
    with workspace.ledger() as ledger:
        left, paid = still_asked(settings, ledger, work, asked, "answers")
        plan = planned(settings, ledger, [left], f"evaluation:{wanted.model}", kind="model")
    return replace(plan, notes=[*found.notes, *paid, *plan.notes])


def first_problem(workspace: Workspace, benchmark: str) -> str:
    """The first problem of a benchmark as a model reads it, and what is right: to see whether its file is understood.

    Raises:
        BenchmarkError: there is no such benchmark, or its file is at fault.
    """
    problem = _benchmark(workspace, benchmark).problems[0]
    cut = len(problem.question) - SHOWN_CHARS
    question = (
        f"{problem.question[:SHOWN_CHARS]}\n... and {counted(cut, 'characters')} more" if cut > 0 else problem.question
    )
    right = counted(len(problem.tests), "tests") if problem.kind == "code" else str(problem.answer)
    return f"{question}\n\nright ({problem.kind}): {right}"


def evaluate(workspace: Workspace, wanted: Evaluation, say: Say) -> None:
    """Have the model answer the benchmark, as far as the ledger does not have its answers, and judge them.

    Raises:
        BatchBusy: another process evaluates the model.
        RunFailed: it could not be done, or was interrupted.
    """
    workspace.instance.add_dynamic_partitions(MODELS_NAME, [wanted.model])
    command = f"evergrow evaluate --model {wanted.model} --benchmark {wanted.benchmark}"
    config = {"benchmark": wanted.benchmark, "draws": wanted.draws, "temperature": wanted.temperature}
    close_dead_runs(workspace.instance, workspace.registry)
    with resumable(command), lease(workspace.registry, lease_name("model", wanted.model)):
        waiting = execute(workspace, "scores", [SCORES], wanted.model, config={"ops": {OP: {"config": config}}})
    if waiting:
        say(f"the answers of {wanted.model!r} are {waiting}")


def scores_table(workspace: Workspace, model: str, benchmark: str, ks: Sequence[int]) -> pl.DataFrame:
    """pass@k with its 95 % interval, a row for each k; problems with an answer that nobody could judge stay out.

    Raises:
        NeverEvaluated: there are no answers.
    """
    answers = _answers(workspace, model, benchmark)
    unjudged = int(answers["correct"].null_count())
    counted = answers.group_by("problem", maintain_order=True).agg(
        pl.len().alias("draws"), pl.col("correct").sum(), pl.col("correct").null_count().alias("unknown")
    )
    counts = list(counted.filter(pl.col("unknown") == 0).select("draws", "correct").iter_rows())
    rows = []
    for k in ks:
        found = score(k, counts)
        told = (found.value, found.low, found.high, found.problems) if found else (None, None, None, 0)
        rows.append((benchmark, answers["draws"][0], answers["temperature"][0], k, *told, unjudged))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def compare_models(workspace: Workspace, first: str, second: str, benchmark: str) -> pl.DataFrame:
    """Two models on the problems that both have answered: McNemar's exact test, and a paired bootstrap.

    Raises:
        NeverEvaluated: one has no answers, or they share no problem.
    """
    draws = [
        _answers(workspace, model, benchmark).drop_nulls("correct").sort("problem", "draw")
        .group_by("problem", maintain_order=True).agg("correct")
        for model in (first, second)
    ]  # fmt: skip
    both = draws[0].join(draws[1], on="problem", suffix="_second", maintain_order="left")
    found = compare(both["correct"].to_list(), both["correct_second"].to_list())
    if found is None:
        raise NeverEvaluated(f"{first!r} and {second!r} have no problem of {benchmark} that both have answered")
    return pl.DataFrame(
        {
            "benchmark": [benchmark], "problems": [found.problems], "difference": [found.difference],
            "low": [found.low], "high": [found.high], "only_first": [found.only_first],
            "only_second": [found.only_second], "mcnemar_p": [found.p_value],
        }
    )  # fmt: skip


def contaminated(workspace: Workspace, benchmark: str, release: Path) -> int:
    """How many problems of the benchmark share a run of words with the rows of an exported release.

    Raises:
        ManifestError: the folder holds no release.
    """
    manifest = read_manifest(release)
    texts = pl.concat([_texts(release / file.path) for file in manifest.files if file.split])
    rows = pl.DataFrame({"benchmark": manifest.name, "item": texts, "text": texts, "is_question": True})
    rows = rows.with_columns(item=pl.int_range(pl.len()).cast(pl.String))
    problems = _benchmark(workspace, benchmark).problems
    asked = pl.DataFrame(
        {
            "batch": benchmark,
            "id": [problem.id for problem in problems],
            "content": [problem.question for problem in problems],
            "response": pl.Series([None] * len(problems), dtype=pl.String),
        }
    )
    return find_contamination(asked, rows, workspace.settings.cleaning.ngram_words).height


def _benchmark(workspace: Workspace, name: str) -> Benchmark:
    folder = workspace.settings.cleaning.benchmarks or workspace.home.path / "benchmarks"
    return read_benchmark(folder, name, workspace.settings.evaluation.first_choice)


def _texts(path: Path) -> pl.Series:
    """What is said in each row of an export's file, whatever its form."""
    rows = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ndjson(path)
    said = [pl.col(name) for name in ("instruction", "content", "output", "response") if name in rows.columns]
    turns = [name for name in ("messages", "conversations", "prompt", "completion", "chosen") if name in rows.columns]
    spoken = [
        pl.col(name).list.eval(pl.concat_str(pl.element().struct.field("*"), separator="\n")).list.join("\n")
        for name in turns
    ]
    return rows.select(text=pl.concat_str([*spoken, *said], separator="\n", ignore_nulls=True))["text"]


def _answers(workspace: Workspace, model: str, benchmark: str) -> pl.DataFrame:
    rows = workspace.lake.ungated(workspace.instance, SCORES, model)
    if rows is not None:
        found = rows.filter(pl.col("benchmark") == benchmark).collect()
        if found.height:
            return found
    raise NeverEvaluated(
        f"the model {model!r} has no answers to {benchmark}: evergrow evaluate --model {model} --benchmark {benchmark}"
    )
