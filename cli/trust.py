"""Commands that say how far a dataset, a judge and a model can be trusted: measure, judge, evaluate."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, Set, name_the_model, workspace_of
from evergrow.cli.plan import show_plan
from evergrow.methods.evolution.judge import Judging
from evergrow.methods.text.counts import counted

Method = StrEnum("Method", {name: name for name in get_args(Judging)})  # type: ignore[misc]

Column = Annotated[str, typer.Option("--text-column", help="the column that holds the texts")]
Plan = Annotated[bool, typer.Option("--plan", help="only say what it would take; nothing is sent")]
judge_app = typer.Typer(
    help="Say how far a judge can be trusted, by tasks whose difficulty is known.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def measure(
    file: Annotated[Path | None, typer.Argument(help="a dataset: JSON array, JSONL, CSV or Parquet")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="each stage of a batch, in place of a file")] = None,
    tree: Annotated[str | None, typer.Option("--tree", help="the samples of a tree, in place of a file")] = None,
    release: Annotated[str | None, typer.Option("--release", help="a release by its name, in place of a file")] = None,
    text_column: Column = "content",
    against: Annotated[
        Path | None, typer.Option("--against", help="a reference, such as the seeds: differences, and its coverage")
    ] = None,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """How diverse a dataset is: similarity, NovelSum, Vendi score, repetition, vocabulary, clusters.

    Asks no model, but an embedding endpoint, where one is set, for vectors that the rows of a project lack.
    """
    from evergrow.flows.measure import measure_file, measure_tables  # noqa: PLC0415

    named = {"batch": batch, "tree": tree, "release": release}
    tables = [f"{kind}:{name}" for kind, name in named.items() if name]
    if len(tables) + (file is not None) != 1:
        raise typer.BadParameter("name a file, or one of --batch, --tree and --release")
    with workspace_of(overrides) as workspace:
        if file is None:
            show_table(measure_tables(workspace, tables[0]), f"measures of {tables[0]}", as_json=as_json)
            return
        show_table(measure_file(workspace, file, text_column, say, against), f"measures of {file}", as_json=as_json)


@judge_app.command("calibrate")
def judge_calibrate(
    model: Annotated[str | None, typer.Option("--model", help="the judge; the one of roles.judge")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="ask anew, even where its readings are kept: drift")] = False,
    plan: Plan = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Have a judge read 88 planted tasks twice by its real prompt. Exit code 1 if it cannot be trusted."""
    from evergrow.flows.calibrate import calibrate_judge, calibration_table, plan_calibration  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        name = workspace.settings.role("judge").model if model is None else model
        if plan:
            expected = plan_calibration(workspace, name, fresh=fresh)
            show_plan(expected, f"expected for the judge {name!r}, and at most", as_json=as_json)
            return
        name_the_model(workspace.settings)
        why = calibrate_judge(workspace, name, say, fresh=fresh)
        show_table(calibration_table(workspace, name), f"the judge {name}", as_json=as_json)
        if why:
            say(why, style="red")
            raise typer.Exit(1)


@judge_app.command("compare")
def judge_compare(
    model: Annotated[str | None, typer.Option("--model", help="the judge; the one of roles.judge")] = None,
    method: Annotated[
        list[Method] | None, typer.Option("--method", help="beside the one that is set; may be repeated; all")
    ] = None,
    readings: Annotated[
        int | None,
        typer.Option("--readings", min=1, max=5, help="of today's method, whose price all may cost; as it is set"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="ask anew, even where its readings are kept")] = False,
    write: Annotated[bool, typer.Option("--write", help="write the best into the settings' file")] = False,
    plan: Plan = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Compare the ways of asking a judge on the planted tasks at the same price, and say which is better.

    Today's stays unless another ranks the tasks better beyond chance. Exit code 1 if none can be trusted.
    """
    from evergrow.flows.judge_methods import at_price, compare_methods, plan_comparison  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        settings = workspace.settings
        name = settings.role("judge").model or "" if model is None else model
        wanted: Sequence[Judging] = [one for one in get_args(Judging) if not method or one in method]
        methods = at_price(settings, name, wanted, readings or settings.evolution.readings)
        if plan:
            show_plan(
                plan_comparison(workspace, name, methods, fresh=fresh),
                f"expected for the judge {name!r}, and at most",
                as_json=as_json,
            )
            return
        name_the_model(settings)
        found = compare_methods(workspace, name, methods, say, fresh=fresh)
        show_table(found.table, f"ways of asking the judge {name}", as_json=as_json)
        if found.best is None:
            say("none of them can be trusted: nothing is changed; name a stronger judge with --model", style="red")
            raise typer.Exit(1)
        judging, together = found.best
        say(f"the best: evolution.judging {judging}, evolution.readings {together}")
        if write:
            _write_best(judging, together)


def _write_best(judging: str, readings: int) -> None:
    from evergrow.resources.settings.file import write_settings  # noqa: PLC0415
    from evergrow.resources.settings.load import load_settings, settings_file  # noqa: PLC0415

    path, best = settings_file(), {"judging": judging, "readings": readings}
    write_settings(path, ("evolution",), best)
    holds = load_settings({}).evolution
    others = [name for name, value in best.items() if getattr(holds, name) != value]
    say(f"written to {path}; batches that are there keep their recipe (`evergrow recipe set`)")
    if others:
        named = " and ".join(f"evolution.{name}" for name in others)
        say(f"{named} is set elsewhere, which goes before the file: `evergrow config show` says where", style="yellow")


@judge_app.command("show")
def judge_show(
    model: Annotated[str | None, typer.Option("--model", help="the judge; the one of roles.judge")] = None,
    against: Annotated[str | None, typer.Option("--against", help="another judge to compare with")] = None,
    as_json: AsJson = False,
) -> None:
    """How a judge did when it was calibrated last, and how it moved; or two judges side by side. Asks no model."""
    from evergrow.flows.calibrate import calibration_table, compare_judges  # noqa: PLC0415

    with workspace_of(reading=True) as workspace:
        name = workspace.settings.role("judge").model if model is None else model
        if against:
            show_table(compare_judges(workspace, name, against), f"first {name}, second {against}", as_json=as_json)
        else:
            show_table(calibration_table(workspace, name), f"the judge {name}", as_json=as_json)


def evaluate(
    benchmark: Annotated[str, typer.Option("--benchmark", help="humaneval, or a file of the benchmarks' folder")],
    model: Annotated[str | None, typer.Option("--model", help="the model that is evaluated")] = None,
    draws: Annotated[int | None, typer.Option("--n", min=1, help="answers to each problem; as the papers")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2, help="as the papers: 0 for one answer")] = None,
    k: Annotated[list[int] | None, typer.Option("--k", min=1, help="pass@k; may be repeated")] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option("--compare", metavar="A B", help="two models that have answered it")
    ] = None,
    trained_on: Annotated[
        Path | None, typer.Option("--trained-on", help="the exported release that the model was trained on")
    ] = None,
    plan: Plan = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Have a model answer a benchmark and say pass@k with its interval. Says first what it would take; resumes."""
    from evergrow.flows import evaluate as flow  # noqa: PLC0415

    if (model is None) == (compare is None):
        raise typer.BadParameter("name a model with --model, or two with --compare A B")
    with workspace_of(overrides) as workspace:
        if compare:
            found = flow.compare_models(workspace, *compare, benchmark)
            show_table(found, f"{compare[0]} less {compare[1]}", as_json=as_json)
            return
        wanted = flow.evaluation_of(str(model), benchmark, draws, temperature)
        expected = flow.plan_evaluation(workspace, wanted)
        if plan:
            show_plan(expected, f"expected for {model} on {benchmark}, and at most", as_json=as_json)
            say(f"The first problem of {benchmark}, as it is asked:\n\n{flow.first_problem(workspace, benchmark)}")
            return
        total = expected.table.row(-1, named=True)
        if total["requests"]:
            usd = "an unknown price" if total["usd"] is None else f"${total['usd']:,.4f}"
            tokens = total["tokens_in"] + total["tokens_out"]
            say(f"{counted(total['requests'], 'requests')}, about {tokens:,} tokens, {usd}")
        else:
            say("nothing has to be asked")
        for note in expected.notes:
            say(note, style="yellow")
        flow.evaluate(workspace, wanted, say)
        shown = flow.scores_table(workspace, wanted.model, benchmark, k or [1])
        if trained_on:
            hit = flow.contaminated(workspace, benchmark, trained_on)
            share = counted(hit, f"problems of {benchmark} share", f"problem of {benchmark} shares")
            say(f"{share} a run of words with the rows of {trained_on}")
            shown = shown.with_columns(contaminated=hit)
        show_table(shown, f"{model} on {benchmark}", as_json=as_json)


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    for command in (measure, evaluate):
        app.command()(command)
    app.add_typer(judge_app, name="judge")
