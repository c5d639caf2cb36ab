"""The commands below `evergrow tree`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, Automate, Set, deep_enough, name_the_model, obey_recipe, workspace_of
from evergrow.methods.text.counts import counted

if TYPE_CHECKING:
    from evergrow.flows.workspace import Workspace

tree_app = typer.Typer(
    help="Grow trees over a task's space, and balance datasets by them.", no_args_is_help=True, rich_markup_mode=None
)
Tree = Annotated[str, typer.Argument(help="name of the tree: letters, digits, '.', '_' and '-'")]
Domain = Annotated[str, typer.Option("--domain", help="a domain that ships along, or one of treesynth.domains")]
Depth = Annotated[int | None, typer.Option("--max-depth", min=1, max=12, help="depth of the leaves; the domain's")]
Rows = Annotated[int | None, typer.Option("--rows", min=1, help="samples over all leaves, exactly; what leaves give")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, max=9999, help="another seed, another tree")]


@tree_app.command()
def grow(
    tree: Annotated[str | None, typer.Argument(help="name of the tree: letters, digits, '.', '_' and '-'")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="as `math`; may be left out to go on")] = None,
    max_depth: Depth = None,
    rows: Rows = None,
    seed: Seed = None,
    named: Annotated[str | None, typer.Option("--tree", help="the tree, as an option")] = None,
    automate: Automate = None,
    overrides: Set = None,
) -> None:
    """Grow a tree: every level, then its samples. Run it again to resume: nothing is paid twice."""
    from evergrow.assets.names import RESPONSES  # noqa: PLC0415
    from evergrow.cli.tree_shown import show_tree  # noqa: PLC0415
    from evergrow.flows.grow import grow_tree, planned_tree  # noqa: PLC0415
    from evergrow.flows.remedies import asked_next  # noqa: PLC0415
    from evergrow.resources.lake.versions import latest_materialization  # noqa: PLC0415

    name = tree or named
    if name is None:
        raise typer.BadParameter("name the tree: evergrow tree grow TREE --domain DOMAIN")
    changes = deep_enough(overrides, max_depth, name)
    with workspace_of(changes) as workspace:
        spec = planned_tree(workspace, name, domain, max_depth=max_depth, rows=rows, seed=seed)
        obey_recipe(workspace, "tree", name, "evergrow tree grow", changes, automate)
        name_the_model(workspace.settings)
        _say_notes(workspace, name)
        grow_tree(workspace, spec, say)
        show_tree(workspace, name)
        if not latest_materialization(workspace.instance, RESPONSES, name):
            say(asked_next("tree", name))


@tree_app.command()
def add(
    tree: Tree,
    domain: Domain,
    max_depth: Depth = None,
    rows: Rows = None,
    seed: Seed = None,
    automate: Automate = None,
    overrides: Set = None,
) -> None:
    """Register a tree. Nothing is sent to a model yet: `tree grow` begins it, or its level 0 in the UI."""
    from evergrow.flows.grow import planned_tree  # noqa: PLC0415

    changes = deep_enough(overrides, max_depth, tree)
    with workspace_of(changes) as workspace:
        spec = planned_tree(workspace, tree, domain, max_depth=max_depth, rows=rows, seed=seed)
        obey_recipe(workspace, "tree", tree, "evergrow tree add", changes, automate)
        _say_notes(workspace, tree)
        deep = counted(spec.max_depth, "levels")
        rows_aimed_at = counted(spec.rows, "rows") if spec.rows else "as many rows as its leaves add up to"
        say(f"tree {tree!r} of domain {spec.domain!r} is to be {deep} deep, with {rows_aimed_at}")
        say(f"Grow it: evergrow tree grow {tree}")


@tree_app.command()
def show(tree: Tree, as_json: AsJson = False) -> None:
    """Draw the tree, with the samples of each leaf and how evenly they lie."""
    from evergrow.cli.tree_shown import show_tree  # noqa: PLC0415
    from evergrow.flows.grow import leaf_table  # noqa: PLC0415

    with workspace_of(deep_enough(None, None, tree), reading=True) as workspace:
        if as_json:
            show_table(leaf_table(workspace, tree), f"leaves of {tree!r}", as_json=True)
        else:
            show_tree(workspace, tree)


@tree_app.command()
def balance(
    tree: Tree,
    data: Annotated[Path | None, typer.Option("--data", help="JSON array, JSONL, CSV or Parquet")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="without --data: a batch's collected samples")] = None,
    text_column: Annotated[str, typer.Option("--text-column", help="the column of the texts")] = "content",
    rows: Annotated[int | None, typer.Option("--rows", min=1, help="size of the result; ten rows a leaf")] = None,
    redo_from: Annotated[
        int | None, typer.Option("--redo-from", min=0, max=12, help="sort anew from this level")
    ] = None,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Balance a dataset: sort it down a tree, thin full leaves, fill thin ones, and say what changed."""
    from evergrow.flows.balance import balance_dataset_by, balance_report  # noqa: PLC0415

    if data is None and batch is None:
        raise typer.BadParameter("name a dataset with --data FILE, or a batch with --batch B")
    with workspace_of(deep_enough(overrides, None, tree)) as workspace:
        obey_recipe(workspace, "tree", tree, "evergrow tree balance", overrides)
        name_the_model(workspace.settings)
        _say_banned(workspace, tree)
        source = (data, batch, text_column)
        balance_dataset_by(workspace, tree, source, rows=rows, redo_from=redo_from, say=say)
        show_table(balance_report(workspace, tree), f"balance of {tree!r}", as_json=as_json)
        say(f"See them, beside the tree: evergrow tree export {tree} --out DIR")


@tree_app.command()
def convert(tree: Tree, overrides: Set = None) -> None:
    """Convert stories of unaware people into stories of people who can know: SimpleToM's positive conversion."""
    from evergrow.flows.balance import convert_tree  # noqa: PLC0415

    with workspace_of(deep_enough(overrides, None, tree)) as workspace:
        obey_recipe(workspace, "tree", tree, "evergrow tree convert", overrides)
        name_the_model(workspace.settings)
        _say_banned(workspace, tree)
        converted = convert_tree(workspace, tree, say)
        say(f"Stories converted: {converted:,}. See them: evergrow tree export {tree} --out DIR")


@tree_app.command("export")
def export_command(
    tree: Tree, target: Annotated[Path, typer.Option("--out", help="a folder")], as_json: AsJson = False
) -> None:
    """Write files. They are those of TreeSynth's research code: output.json, tree_structure.txt and result.jsonl;
    where the tree has them, also balanced_results.jsonl, balanced_tree.json and aware.jsonl."""
    from evergrow.flows.tree_files import export_tree  # noqa: PLC0415

    with workspace_of(deep_enough(None, None, tree), reading=True) as workspace:
        show_table(export_tree(workspace, tree, target), f"files in {target}", as_json=as_json)


@tree_app.command("import")
def import_command(
    tree: Tree,
    file: Annotated[Path, typer.Argument(help="an output.json, or names, paths, an outline, YAML")],
    domain: Domain,
    max_depth: Depth = None,
    rows: Rows = None,
    seed: Seed = None,
) -> None:
    """Take over a tree: an output.json of TreeSynth's research code, nested names (D3), mappings (JSON or YAML), paths,
    records with parents, Markdown or indented outlines. `evergrow tree grow TREE` does what is left of it."""
    from evergrow.flows.tree_files import import_tree  # noqa: PLC0415

    with workspace_of(deep_enough(None, max_depth, tree)) as workspace:
        nodes, notes = import_tree(workspace, tree, file, domain, max_depth=max_depth, rows=rows, seed=seed)
        for note in notes:
            say(note)
        say(f"Nodes taken over as tree {tree!r}: {nodes:,}. Go on: evergrow tree grow {tree}")


def _say_notes(workspace: "Workspace", tree: str) -> None:
    """Say what a person should know of a tree before its samples are paid for."""
    from evergrow.flows.grow import shared_name  # noqa: PLC0415

    _say_banned(workspace, tree)
    for note in shared_name(workspace, tree):
        say(f"note: {note}")


def _say_banned(workspace: "Workspace", tree: str) -> None:
    from evergrow.flows.descendants import banned_models  # noqa: PLC0415
    from evergrow.flows.recipes import settings_of  # noqa: PLC0415

    for note in banned_models(workspace, settings_of(workspace, "tree", tree), "generator"):
        say(f"note: {note}")
