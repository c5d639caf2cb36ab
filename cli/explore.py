"""Commands that show a batch, a tree or a release to people: explore, report and data-docs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from evergrow.cli.console import say
from evergrow.cli.options import Set, workspace_of
from evergrow.methods.text.counts import counted
from evergrow.resources.host.destinations import writing

OfBatch = Annotated[str | None, typer.Option("--batch", help="a batch: its seeds and all rounds, rejected rows too")]
OfTree = Annotated[str | None, typer.Option("--tree", help="the samples of a tree, in its leaves")]
Private = Annotated[
    bool, typer.Option("--with-secrets", help="show texts that hold secrets or personal data, which are withheld")
]
OfRelease = Annotated[str | None, typer.Option("--release", help="a release by its name, with all ancestors")]


def explore(
    batch: OfBatch = None,
    tree: OfTree = None,
    release: OfRelease = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="port on 127.0.0.1; 0: any that is free")] = 0,
    folder: Annotated[
        Path | None, typer.Option("--out", help="write a folder that can be sent to somebody, and serve nothing")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="make map and page anew and keep them in the lake: quality/map, quality/page")
    ] = False,
    private: Private = False,
    overrides: Set = None,
) -> None:
    """Open a page over the lake: a map of embeddings, the tree, all rows with their ancestors, and what changed.

    Left out are rows that descend from what was forgotten, and texts that hold secrets or personal data.
    Asks no model and changes no row; vectors that texts lack are computed here, and kept.
    An embedding endpoint is asked with --keep only.
    What is kept (`--keep`, or quality/page in the UI) is shown as long as it is of today's rows; else it is made.
    """
    from evergrow.cli.page_server import serve_page  # noqa: PLC0415
    from evergrow.flows.explore import explore as made_or_kept  # noqa: PLC0415 - imports everything
    from evergrow.flows.explore import keep_page  # noqa: PLC0415

    of = named(batch, tree, release)
    with workspace_of(overrides) as workspace:
        if keep:
            keep_page(workspace, of)
        shown = made_or_kept(workspace, of, private=private)
    rows = f"{counted(shown.rows.height, 'rows')}{', as quality/page keeps them' if shown.kept else ''}"
    if folder is None:
        serve_page(shown.page, port, lambda url: say(f"{url} shows {rows} (Ctrl-C ends it)"))
        return
    with writing(folder / "index.html"):
        (folder / "index.html").write_text(shown.page, encoding="utf-8")
    with writing(folder / "rows.parquet"):
        shown.rows.write_parquet(folder / "rows.parquet")
    say(f"{rows}, in {folder / 'index.html'}: open it in a browser; rows.parquet holds them as data")


def report(
    batch: OfBatch = None,
    tree: OfTree = None,
    release: OfRelease = None,
    target: Annotated[Path | None, typer.Option("--out", help="the file; NAME-report.html by default")] = None,
    form: Annotated[
        Literal["html", "eu-summary"],
        typer.Option("--format", help="eu-summary: of a release, the EU's public summary of training content (.md)"),
    ] = "html",
    private: Private = False,
    overrides: Set = None,
) -> None:
    """Write one HTML page about a batch, a tree or a release, for people without the UI.

    The funnel, scores by round, measures of the set, map, tree, cost, the judge's calibration, contamination, rows.
    Left out are rows that descend from what was forgotten, and texts that hold secrets or personal data.
    Asks no model and changes no row; vectors that texts lack are computed here, and kept; an endpoint is not asked.
    """
    from evergrow.flows.eu_summary import eu_summary  # noqa: PLC0415 - imports everything
    from evergrow.flows.report import report as written  # noqa: PLC0415 - imports everything

    of = named(batch, tree, release)
    if form == "eu-summary" and release is None:
        raise typer.BadParameter("--format eu-summary is about a release: name it with --release")
    ending = "report.html" if form == "html" else "eu-summary.md"
    file = target or Path(f"{of.partition(':')[2]}-{ending}")
    with workspace_of(overrides) as workspace:
        made = written(workspace, of, private=private) if form == "html" else eu_summary(workspace, str(release))
    with writing(file):
        file.write_text(made, encoding="utf-8")
    say(f"{file}: open it in a browser" if form == "html" else f"{file}: what only you know is marked as open")


def data_docs(
    batch: OfBatch = None,
    tree: OfTree = None,
    release: OfRelease = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="a folder; data-docs/KIND-NAME, as data-docs/batch-first, by default")
    ] = None,
) -> None:
    """Write Great Expectations' own pages, Data Docs, about the gates of a batch, a tree or a release.

    Every table that is made is validated again; no verdict changes and nothing is asked. The pages hold figures and no
    texts; a browser loads their lists, styles and scripts from the web, and shows no index without it.
    A folder that holds anything but earlier pages of this command is refused.
    """
    from evergrow.flows.data_docs import data_docs as written  # noqa: PLC0415 - imports everything
    from evergrow.flows.recipes import owner_kind  # noqa: PLC0415

    kind, _, name = named(batch, tree, release).partition(":")
    target = folder or Path("data-docs") / f"{kind}-{name}"
    with workspace_of(reading=True) as workspace:
        page, tables = written(workspace, owner_kind(workspace, name, kind), name, target)  # type: ignore[arg-type]
    say(
        f"{page} is of the gates of {counted(tables, 'tables')}: open it in a browser that reaches the web, from where "
        "its lists "
        f"and styles come; without it the index is blank, and the pages lie under {target / 'validations'}"
    )


def named(batch: str | None, tree: str | None, release: str | None) -> str:
    """`batch:B`, `tree:T` or `release:N`, of which a command names exactly one."""
    given = {"batch": batch, "tree": tree, "release": release}
    found = [f"{kind}:{name}" for kind, name in given.items() if name]
    if len(found) != 1:
        raise typer.BadParameter("name one of --batch, --tree and --release")
    return found[0]


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(explore)
    app.command()(report)
    app.command("data-docs")(data_docs)
