"""`evergrow status`: what there is, where it stands, what is due and why."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evergrow.cli.console import clean, out, say
from evergrow.cli.options import AsJson, print_json, workspace_of
from evergrow.methods.text.counts import counted

if TYPE_CHECKING:
    from rich.text import Text

    from evergrow.flows.status import Status
    from evergrow.resources.registry.recipes import Kind

FIRST = "nothing is registered yet: evergrow seeds add FILE --batch NAME, or evergrow demo"


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("status")(status)


def status(
    name: Annotated[str | None, typer.Argument(help="of one batch, tree or release")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="one batch, table by table")] = None,
    tree: Annotated[str | None, typer.Option("--tree", help="or one tree")] = None,
    release: Annotated[str | None, typer.Option("--release", help="or one release")] = None,
    as_json: AsJson = False,
) -> None:
    """Batches, trees and releases: where each stands, what is due and why, what waits, what was spent, who is at work.

    It costs nothing and changes nothing. The command that does what is due stands beside it.
    """
    from evergrow.flows.recipes import kinds_called, owner_kind  # noqa: PLC0415 - imports everything
    from evergrow.flows.status import status as status_of  # noqa: PLC0415
    from evergrow.flows.status import statuses  # noqa: PLC0415

    given: tuple[tuple[Kind | None, str | None], ...]
    given = (("batch", batch), ("tree", tree), ("release", release), (None, name))
    named = [(kind, called) for kind, called in given if called]
    if len(named) > 1:
        raise typer.BadParameter("name one batch, tree or release; without a name all are shown")
    with workspace_of(reading=True) as workspace:
        if name:
            kinds = kinds_called(workspace, name)
            if len(kinds) > 1:
                several = "` or `evergrow status ".join(f"--{kind} {name}" for kind in kinds)
                raise typer.BadParameter(f"several are called {name!r}: `evergrow status {several}`")
        if named:
            kind, called = named[0]
            found = [status_of(workspace, owner_kind(workspace, called, kind), called)]
        else:
            found = statuses(workspace)
    if as_json:
        rows = [asdict(one) for one in found]
        print_json(rows[0] if named else [{k: v for k, v in row.items() if k != "tables"} for row in rows])
    elif not found:
        say(FIRST)
    elif named:
        _show_one(found[0])
    else:
        _show_all(found)


def _show_all(found: "list[Status]") -> None:
    from rich.table import Table  # noqa: PLC0415 - half of what `--json` needs

    table = Table(title=clean("status"), title_justify="left")
    for name in ("", "name", "stage", "rows", "spent", "sensors"):
        table.add_column(name, justify="right" if name == "rows" else "left", no_wrap=name != "name", overflow="fold")
    table.add_column("due, waits, at work", overflow="fold", ratio=1)
    for one in found:
        rows = "-" if one.rows is None else f"{one.rows:,}"
        table.add_row(*map(clean, (one.kind, one.name, one.stage, rows, _spent(one), _sensors(one))), _notes(one))
    out.print(table)
    busy, due = sum(1 for one in found if one.held), sum(1 for one in found if one.due)
    waiting = sum(1 for one in found if one.waits)
    say(f"{len(found):,} in all: something is due of {due:,}, {waiting:,} wait, {busy:,} are being worked on")


def _show_one(one: "Status") -> None:
    import polars as pl  # noqa: PLC0415

    from evergrow.cli.console import show_table  # noqa: PLC0415

    rows = [(t.table, t.partition, t.rows, t.due or "-", t.gate) for t in one.tables]
    schema = {"table": pl.String, "partition": pl.String, "rows": pl.Int64, "due": pl.String, "gate": pl.String}
    title = f"{one.kind} {one.name!r}: {one.stage}; spent: {_spent(one)}; sensors: {_sensors(one)}"
    show_table(pl.DataFrame(rows, schema=schema, orient="row"), title)
    out.print(_notes(one))


def _notes(one: "Status") -> "Text":
    """What is due, what it waits for, who works on it: a line each."""
    lines = [f"due: {one.due} ({one.command})"] if one.due else []
    lines += [f"waits: {why}" for why in one.waits]
    lines += [f"at work: {one.held}"] if one.held else []
    lines += [f"run: {run}" for run in one.runs]
    return clean("\n".join(lines) or f"nothing is due{f'; {one.further}' if one.further else ''}")


def _spent(one: "Status") -> str:
    if one.kind == "release":
        return "-"
    usd = "unknown" if one.usd is None else f"${one.usd:,.2f}"
    return f"{counted(one.requests, 'requests')}, {usd}"


def _sensors(one: "Status") -> str:
    return "off" if one.automate == "none" else one.automate
