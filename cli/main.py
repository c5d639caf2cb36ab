"""The `evergrow` command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from evergrow.cli.calls import add_commands as add_calls
from evergrow.cli.completion import add_commands as add_completion
from evergrow.cli.config import config_app
from evergrow.cli.console import clean, err, out, say, show_table
from evergrow.cli.dataset import add_commands as add_dataset_commands
from evergrow.cli.doctor import add_commands as add_doctor
from evergrow.cli.explore import add_commands as add_explore
from evergrow.cli.forget import forget
from evergrow.cli.inspect import add_commands as add_inspection
from evergrow.cli.keeping import add_commands as add_keeping_commands
from evergrow.cli.options import (
    AsJson,
    Batch,
    Set,
    begin_without_collecting,
    deep_enough,
    end_without_collecting,
    name_the_model,
    nested_overrides,
    obey_recipe,
    print_json,
    workspace_of,
)
from evergrow.cli.preview import add_commands as add_preview
from evergrow.cli.recipe import recipe_app
from evergrow.cli.seeds import seeds_app
from evergrow.cli.status import add_commands as add_status
from evergrow.cli.tables import add_commands as add_tables
from evergrow.cli.tree import tree_app
from evergrow.cli.trust import add_commands as add_trust_commands

EXAMPLES = """
\b
First steps:
  evergrow demo                                      everything once, at small size, without a key
  evergrow seeds add functions.jsonl --batch first   register your own seeds
  evergrow run --batch first                         evolve them, round by round; run again to resume
  evergrow release --batch first                     have them answered, verified, cleaned
  evergrow export --format chat --out first/         files that a trainer reads
  evergrow ui                                        look at it all in Dagster
\b
Settings come from evergrow.yaml, from EVERGROW_* variables (EVERGROW_EVOLUTION__ROUNDS=2) and from --set.
With OPENAI_API_KEY or OPENAI_BASE_URL set, that endpoint is used; without, a small model on this machine.
\b
Every command ends with one of these exit codes:
  0  it did its work
  1  the work failed, or was refused: a gate is closed, requests failed, a budget is spent, somebody else is at it
  2  it was used wrongly: an unknown option or name, a faulty setting, a file that is not there or cannot be read
"""

app = typer.Typer(
    help="Grow instruction-tuning data as trees, so that every sample can be explained.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(seeds_app, name="seeds")
app.add_typer(tree_app, name="tree")
app.add_typer(recipe_app, name="recipe")
app.add_typer(config_app, name="config")
add_status(app)
add_completion(app)
add_inspection(app)
add_preview(app)
add_tables(app)
add_dataset_commands(app)
app.command()(forget)
add_trust_commands(app)
add_calls(app)
add_doctor(app)
add_keeping_commands(app)
add_explore(app)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        from importlib.metadata import version  # noqa: PLC0415

        out.print(f"evergrow {version('evergrow')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="say which version this is", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Grow instruction-tuning data as trees, so that every sample can be explained."""


@app.command()
def demo(
    seeds: Annotated[int, typer.Option(min=2, max=50, help="how many functions to start from")] = 6,
    levels: Annotated[int, typer.Option(min=1, max=2, help="of the tree: 1 has 5 leaves, 2 has 15")] = 2,
    overrides: Set = None,
) -> None:
    """The whole job at small size: harvest functions of the standard library, evolve them, export a dataset."""
    from evergrow.cli.demo import demo as whole_job  # noqa: PLC0415

    with workspace_of(overrides) as workspace:
        name_the_model(workspace.settings)
        whole_job(workspace, seeds, levels)


@app.command()
def run(
    batch: Batch,
    rounds: Annotated[int | None, typer.Option(min=1, help="rounds of evolution (evolution.rounds)")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="ask models anew, even where their answers are kept")] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Evolve a batch through its rounds and collect its samples. Run it again to resume: nothing is paid twice."""
    from evergrow.assets.dataset.funnel import come_back  # noqa: PLC0415
    from evergrow.assets.names import RESPONSES  # noqa: PLC0415
    from evergrow.flows.descendants import banned_models, banned_seeds  # noqa: PLC0415
    from evergrow.flows.evolve import run_batch  # noqa: PLC0415
    from evergrow.flows.funnels import of_an_older_collection, run_funnel  # noqa: PLC0415
    from evergrow.flows.recipes import settings_of  # noqa: PLC0415
    from evergrow.flows.remedies import asked_next  # noqa: PLC0415

    changes = [*(overrides or []), *([f"evolution.rounds={rounds}"] if rounds else [])]
    with workspace_of(changes) as workspace:
        workspace.require_batch(batch)
        obey_recipe(workspace, "batch", batch, "evergrow run", changes)
        name_the_model(workspace.settings)
        obeyed = settings_of(workspace, "batch", batch)
        for note in (*banned_models(workspace, obeyed, "generator"), *banned_seeds(workspace, batch)):
            say(f"note: {note}")
        through = run_batch(workspace, batch, say, fresh=fresh)
        table, damaged = run_funnel(workspace, batch)
        show_table(table, f"funnel of batch {batch!r}", as_json=as_json)
        cut = [f"what was answered of the batch is not shown: {damaged}"] if damaged else []
        back = come_back(table)
        for note in [*cut, *([back] if back else []), *of_an_older_collection(workspace, [batch])]:
            say(note)
        if through and not damaged and RESPONSES.path[-1] not in table["stage"]:
            say(asked_next("batch", batch))


@app.command()
def plan(
    batch: Annotated[str | None, typer.Option("--batch", help="a registered batch")] = None,
    tree: Annotated[str | None, typer.Option("--tree", help="or a tree, begun or not")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="of a batch: rounds (evolution.rounds)")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="of a new tree: its domain, as `math`")] = None,
    max_depth: Annotated[int | None, typer.Option(min=1, max=12, help="of a tree: depth of its leaves")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="of a tree: samples over all leaves")] = None,
    release: Annotated[
        bool, typer.Option("--release", help="of a collected batch: what answering and testing its samples takes")
    ] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """What a run of a batch or tree would take, before it is spent: requests, tokens, money and time.

    Beside what to expect by the ledger's history stands what it may be at most, which a budget must hold.
    """
    from evergrow.cli.plan import show_plan  # noqa: PLC0415
    from evergrow.flows.grow import intended_tree  # noqa: PLC0415
    from evergrow.flows.plan import plan_batch, plan_release  # noqa: PLC0415
    from evergrow.flows.tree_plan import plan_tree  # noqa: PLC0415

    if (batch is None) == (tree is None):
        raise typer.BadParameter("name either a batch with --batch B or a tree with --tree T, and not both")
    of_other = (
        {"--rounds": rounds, "--release": release or None}
        if tree
        else {"--domain": domain, "--max-depth": max_depth, "--rows": rows}
    )
    if wrong := [option for option, value in of_other.items() if value is not None]:
        raise typer.BadParameter(f"{wrong[0]} goes with {'--batch' if tree else '--tree'}")
    changes = deep_enough(overrides, max_depth) if tree else [*(overrides or [])]
    named = [*changes, *([f"evolution.rounds={rounds}"] if rounds else [])]
    asked = nested_overrides(named)
    with workspace_of(named) as workspace:
        if tree is not None:
            found = plan_tree(workspace, intended_tree(workspace, tree, domain, max_depth=max_depth, rows=rows))
        else:
            workspace.require_batch(batch)
            found = plan_release(workspace, str(batch)) if release else plan_batch(workspace, str(batch), asked)
        what = f"batch {batch!r}" if tree is None else f"tree {tree!r}"
        show_plan(found, f"expected for {what}, and at most", as_json=as_json)


@app.command()
def trace(
    row: Annotated[
        str, typer.Argument(help="id of a row, such as 613993_0_2, or of a seed, or a line of an export: FILE:17")
    ],
    batch: Annotated[str | None, typer.Option(help="the batch, where several hold the row")] = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="every prompt, reply and expectation in full")] = False,
    page: Annotated[Path | None, typer.Option("--html", help="write it as one HTML file, too")] = None,
    prov: Annotated[Path | None, typer.Option("--prov", help="write it as W3C PROV-JSON, too")] = None,
    as_json: AsJson = False,
) -> None:
    """Where a row comes from, from its seed to its export: texts, scores, gates, prompts, models, runs and cost.

    Rejected rows are found as well, with the reason; rows of trees with the pivots and requests behind each attribute.
    """
    from evergrow.cli.ancestry import draw, write_page, write_prov  # noqa: PLC0415
    from evergrow.flows.trace import trace as ancestry  # noqa: PLC0415

    with workspace_of(reading=True) as workspace:
        steps = ancestry(workspace, row, batch)
    if page:
        write_page(page, row, steps)
        say(f"{page} needs nothing beside it")
    if prov:
        write_prov(prov, steps)
        say(f"{prov} is PROV-JSON")
    if as_json:
        print_json([step.as_dict() for step in steps])
    elif not (page or prov):
        out.print(draw(steps, prompts=prompts))


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 3000,
) -> None:
    """Dagster's web interface and daemon on this project, on 127.0.0.1.

    Its sensors act only on batches and trees whose recipe says so (`--automate`, `evergrow recipe set`).
    """
    from evergrow.cli.ui import HOST, alone, require_free, serve  # noqa: PLC0415

    with workspace_of() as workspace:
        home = workspace.settings.home
    with alone(home, port):
        require_free(port)
        say(f"http://{HOST}:{port} (Ctrl-C ends it)")
        serve(home, port)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, as `--help` tells them.

    Args:
        arguments: without the command's name; those of the process if None.
    """
    if arguments is None:
        begin_without_collecting()
    try:
        app(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # polars' own, which is none
            raise
        from evergrow.cli.errors import end_of  # noqa: PLC0415 - imports everything: only when something went wrong

        if (found := end_of(error)) is None:
            raise
        code, message = found
        err.print(clean(f"evergrow: {message}"), soft_wrap=True)
        return code
    finally:
        if arguments is None:
            end_without_collecting()
    return 0


if __name__ == "__main__":
    sys.exit(main())
