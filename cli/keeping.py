"""Commands that keep what there is: scrub, backup, restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, workspace_of
from evergrow.methods.text.counts import counted
from evergrow.resources.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from evergrow.resources.backup.archive import Backup


def scrub(
    look: Annotated[bool, typer.Option("--look", help="only say what is damaged; make nothing again")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every current file of the lake against its name, and make damaged tables again where that costs nothing.

    Ends with 1 if something stays damaged.
    """
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.scrub import damaged_inputs, damaged_tables, heal  # noqa: PLC0415

    rows: list[tuple[str, str, str]] = []
    with workspace_of() as workspace:
        rows += [(one.name, str(one), "stays damaged") for one in damaged_inputs(workspace)]
        for table in list(damaged_tables(workspace)):
            healed = not look and heal(workspace, table, say)
            rows.append((table.key.to_user_string(), str(table), "made again" if healed else "stays damaged"))
        if not look and (left := workspace.lake.files.sweep()):
            say(
                f"{counted(left, 'unfinished files are', 'unfinished file is')} removed, which writers that were "
                "killed had left"
            )
    found = pl.DataFrame(rows, schema=dict.fromkeys(("what", "damage", "state"), pl.String), orient="row")
    if found.is_empty() and not as_json:
        say("every current file of the lake is what its name says")
    else:
        show_table(found, "damaged files", as_json=as_json)
    if "stays damaged" in found["state"]:
        raise typer.Exit(1)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of backups; what it holds is not copied again")],
    lake: Annotated[
        bool, typer.Option("--lake/--no-lake", help="without the lake's files, where a bucket keeps its own versions")
    ] = True,
    check: Annotated[bool, typer.Option("--check", help="read again what earlier backups hold of the lake")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the database, the lake and the home, while runs go on. Keys and `.env` are not in it.

    Ends with 1 if current tables were damaged, and so are not in it.
    """
    from evergrow.flows.backup import backup as make_backup  # noqa: PLC0415
    from evergrow.flows.backup import shortened  # noqa: PLC0415

    with workspace_of() as workspace:
        made, damaged = make_backup(workspace, folder, lake=lake, check=check)
    show_table(_contents(made), f"backup in {folder}", as_json=as_json)
    if damaged:
        say(f"not in it, for they are damaged: {shortened(damaged)}; `evergrow scrub` makes again what costs nothing")
        raise typer.Exit(1)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of backups")],
    name: Annotated[str | None, typer.Option("--at", metavar="NAME", help="which; the latest by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup into an empty home, database and lake, those that the settings name, and compare every byte."""
    from evergrow.cli.console import Bars  # noqa: PLC0415
    from evergrow.flows.restore import restore as bring_back  # noqa: PLC0415
    from evergrow.resources.backup.archive import BackupStore  # noqa: PLC0415

    settings = load_settings()
    done = bring_back(settings, BackupStore(folder), name, Bars())
    show_table(_contents(done.backup), f"restored to {settings.home}, every byte as it was", as_json=as_json)
    if done.ended:
        many = "runs that were under way are ended: their commands go on where they were"
        say(counted(len(done.ended), many, "run that was under way is ended: its command goes on where it was"))
    if not done.backup.lake_held:
        say("the backup holds no files of the lake: `evergrow scrub --look` says which of them are missing here")
    if done.missing:
        damaged = counted(len(done.missing), "files of the lake were", "file of the lake was")
        say(f"{damaged} damaged before the backup; `evergrow scrub` has the rest")


def _contents(held: "Backup") -> "pl.DataFrame":
    """How many files a backup has of what, and of how many bytes."""
    import polars as pl  # noqa: PLC0415

    parts = (("databases and home", held.files), ("lake", held.lake))
    return pl.DataFrame(
        [
            {"backup": held.name, "what": what, "files": len(files), "bytes": sum(one.bytes for one in files.values())}
            for what, files in parts
        ]
    )


def add_commands(app: typer.Typer) -> None:
    """Make these commands of `app`."""
    app.command()(scrub)
    app.command()(backup)
    app.command()(restore)
