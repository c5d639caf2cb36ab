"""`evergrow doctor`: what is wrong with what evergrow depends on, and what helps."""

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from evergrow.cli.console import clean, out, say, show_table
from evergrow.cli.options import AsJson, Set, nested_overrides, print_json, workspace_of
from evergrow.methods.text.counts import counted
from evergrow.resources.settings import load_settings

STYLES = {"ok": "", "warning": "yellow", "fault": "red"}


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("doctor")(doctor)


def doctor(
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", help="ask this one of `endpoints` a few questions: find the settings that fit it"),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="with --endpoint: write the settings that fit into evergrow.yaml")
    ] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Try what evergrow depends on: versions, disk, database, lake, sandbox, embedding model, endpoints, models.

    Each finding comes with what helps, and nothing that costs is sent: endpoints are asked for their lists of models.
    With --endpoint, a handful of small requests finds out what that endpoint takes, and which settings fit it.
    Ends with 1 if something is at fault.
    """
    if endpoint is not None:
        _probe(endpoint, overrides, write=write, as_json=as_json)
        return
    if write:
        raise typer.BadParameter("--write goes with --endpoint: name the endpoint whose settings are to be found")
    from dataclasses import asdict  # noqa: PLC0415

    from evergrow.flows.checkup import checkup  # noqa: PLC0415 - imports everything

    found = []
    for finding in checkup(load_settings(nested_overrides(overrides or []))):
        found.append(finding)
        if not as_json:
            out.print(clean(f"{finding.state:<8} {finding.what}: {finding.found}"), style=STYLES[finding.state])
            if finding.remedy:
                out.print(clean(f"{'':<8} -> {finding.remedy}"))
    if as_json:
        print_json([asdict(one) for one in found])
    faults, warnings = (sum(one.state == state for one in found) for state in ("fault", "warning"))
    say(f"{counted(faults, 'faults')}, {counted(warnings, 'warnings')} in {counted(len(found), 'findings')}")
    if faults:
        raise typer.Exit(1)


def _probe(endpoint: str, overrides: list[str] | None, *, write: bool, as_json: bool) -> None:
    """Ask an endpoint what it takes."""
    import polars as pl  # noqa: PLC0415

    from evergrow.flows.probe import MOST_REQUESTS, QUESTIONS, model_of, probe  # noqa: PLC0415
    from evergrow.resources.models import EmbeddedServers  # noqa: PLC0415
    from evergrow.resources.settings.file import write_settings  # noqa: PLC0415
    from evergrow.resources.settings.load import settings_file  # noqa: PLC0415

    with workspace_of(overrides) as workspace, workspace.ledger() as ledger:
        _, model = model_of(workspace.settings, endpoint)
        say(
            f"sends {QUESTIONS} small requests to model {model!r} of endpoint {endpoint!r}, and each again without "
            f"what is refused: at most about {MOST_REQUESTS}"
        )
        with closing(EmbeddedServers(workspace.settings, workspace.home)) as servers:
            found = asyncio.run(probe(workspace.settings, ledger, endpoint, servers))
    if as_json:
        print_json({"endpoint": found.endpoint, "url": found.url, "model": found.model, "requests": found.requests,
                    "findings": found.findings, "settings": found.settings})  # fmt: skip
    else:
        show_table(pl.DataFrame(found.findings), f"endpoint {endpoint!r} at {found.url}, model {found.model!r}")
    if not found.settings:
        say("the settings fit")
    elif write:
        path = settings_file()
        write_settings(path, ("endpoints", endpoint), found.settings)
        say(f"written to {path}: {', '.join(f'endpoints.{endpoint}.{key}' for key in found.settings)}")
    else:
        lines = "\n".join(f"    {key}: {str(value).lower()}" for key, value in found.settings.items())
        say(f"settings that fit (--write puts them into evergrow.yaml):\nendpoints:\n  {endpoint}:\n{lines}")
