"""The commands below `evergrow seeds`."""

from typing import Annotated, Any, Literal

import typer

from evergrow.cli.console import say, show_records, show_table
from evergrow.cli.options import AsJson, Automate, Batch, print_json, register, workspace_of
from evergrow.methods.text.counts import counted
from evergrow.resources.settings import load_settings

ADD_EXAMPLES = """
\b
Examples:
  evergrow seeds add functions.jsonl --batch first
  evergrow seeds add 'data/*.parquet' --batch first --column text --id-column key
  evergrow seeds add alpaca_data.json --batch first --form alpaca       instruction and input joined
  evergrow seeds add chats.jsonl.zst --batch first --form messages      the user's first turn
  evergrow seeds add old.csv --batch first --encoding cp1252
  zcat dump.jsonl.gz | evergrow seeds add - --batch first
  evergrow seeds add folder/ --batch first --dry-run                    what would be registered
  evergrow seeds add functions.jsonl --batch trial --limit 50           a first try on some of many rows
\b
Read are JSON (an array, an object by column, one with a list inside), JSON lines, CSV with any delimiter, Parquet and
Arrow, also with gzip, zstd, bz2, xz or in a zip of one file. A row needs `content`; `id`, `kind`, `license` and
`domain` are used, other columns are kept. If one row is wrong, nothing is registered. Of the kinds, code is a function
to make tasks of, question a programming task: their answers are code, with tests; an instruction is anything else.
"""
HARVEST_EXAMPLES = """
\b
Examples:
  evergrow seeds harvest email --batch first --limit 20           functions of an installed package
  evergrow seeds harvest ~/src/project --batch first --methods    a folder: Python, notebooks, JavaScript, Java, Go ...
"""
FIRST_ROWS = 3
Kind = Literal["code", "question", "instruction"]
Form = Literal["columns", "alpaca", "messages", "sharegpt"]
Replace = Annotated[bool, typer.Option("--replace", help="give an existing batch these seeds instead")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what would be registered")]

seeds_app = typer.Typer(help="Register seeds as a batch.", no_args_is_help=True, rich_markup_mode=None)


@seeds_app.command("add", epilog=ADD_EXAMPLES)
def add(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="files, patterns in quotes, folders, or - for standard input")
    ],
    batch: Batch,
    column: Annotated[str | None, typer.Option("--column", help="column of the texts, if not `content`")] = None,
    id_column: Annotated[str | None, typer.Option("--id-column", help="column of the ids, if not `id`")] = None,
    form: Annotated[Form | None, typer.Option("--form", help="in which form a row holds its task")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="of texts without a mark, if not UTF-8")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="of rows that state none; else guessed")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="most rows, spread evenly over all")] = None,
    replace: Replace = False,
    automate: Automate = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Register the rows of files as the seeds of a batch. Nothing is sent to a model yet."""
    from evergrow.resources.seeds.paths import seed_files  # noqa: PLC0415
    from evergrow.resources.seeds.read import Reading, read_files  # noqa: PLC0415

    bounds = load_settings().seeds
    reading = Reading(column, id_column, form, encoding, kind, bounds.max_bytes)
    named, passed_over = seed_files(files)
    found = read_files(named, bounds.max_chars, reading)
    found = found.spread(limit) if limit else found
    for note in passed_over:
        say(f"note: {note}")
    _take(batch, found, "evergrow seeds add", automate, replace=replace, dry_run=dry_run, as_json=as_json)


@seeds_app.command("harvest", epilog=HARVEST_EXAMPLES)
def harvest(
    source: Annotated[
        str, typer.Argument(metavar="PACKAGE_OR_DIR", help="an installed package, a folder or a source file")
    ],
    batch: Batch,
    limit: Annotated[int | None, typer.Option(min=1, help="most functions, spread evenly over the files")] = None,
    methods: Annotated[bool, typer.Option("--methods", help="documented methods of classes as well")] = False,
    classes: Annotated[bool, typer.Option("--classes", help="whole documented classes as well")] = False,
    replace: Replace = False,
    automate: Automate = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Register documented functions as the seeds of a batch. The code is read, never run."""
    from evergrow.resources.seeds.harvest import harvest as harvested  # noqa: PLC0415

    bounds = load_settings().seeds
    found = harvested(source, limit, bounds.harvest_min_chars, bounds.harvest_max_chars, methods, classes)
    _take(batch, found, "evergrow seeds harvest", automate, replace=replace, dry_run=dry_run, as_json=as_json)


@seeds_app.command("from-tree")
def from_tree(
    tree: Annotated[str, typer.Argument(help="name of a tree whose samples are written")],
    batch: Batch,
    replace: Replace = False,
    automate: Automate = None,
) -> None:
    """Register the samples of a tree as the seeds of a batch: its leaves give coverage, evolution the challenge."""
    from evergrow.flows.grow import tree_seeds  # noqa: PLC0415

    with workspace_of() as workspace:
        register(workspace, batch, tree_seeds(workspace, tree), "evergrow seeds from-tree", automate, replace=replace)


def _take(
    batch: str,
    found: Any,  # noqa: ANN401 - Seeds
    by: str,
    automate: str | None,
    *,
    replace: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    if not dry_run:
        with workspace_of() as workspace:
            register(workspace, batch, found, by, automate, replace=replace)
        return
    from evergrow.resources.registry.batches import check_name  # noqa: PLC0415
    from evergrow.resources.seeds.summary import summary  # noqa: PLC0415

    check_name(batch)
    counts = summary(found.frame)
    first = found.frame.head(FIRST_ROWS)
    if as_json:
        print_json(
            {
                "batch": batch,
                "rows": found.frame.height,
                "counts": counts.to_dicts(),
                "notes": list(found.notes),
                "columns": found.frame.columns,
                "first": first.to_dicts(),
            }
        )
        return
    for note in found.notes:
        say(f"note: {note}")
    show_table(counts, f"{counted(found.frame.height, 'seeds')} would be batch {batch!r}")
    show_records(first, "first rows")
    say("Nothing was registered: leave out --dry-run to do it.")
