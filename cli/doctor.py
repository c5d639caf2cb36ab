"""`evergrow doctor`: what is wrong with what evergrow depends on, and what helps."""

import asyncio
from contextlib import closing
from typing import Annotated

import typer

from evergrow.cli.console import say, show_table
from evergrow.cli.options import AsJson, Set, print_json, workspace_of


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("doctor")(doctor)


def doctor(
    endpoint: Annotated[str, typer.Option("--endpoint", help="which of `endpoints` is tried")] = "default",
    write: Annotated[bool, typer.Option("--write", help="write the settings that fit into evergrow.yaml")] = False,
    overrides: Set = None,
    as_json: AsJson = False,
) -> None:
    """Find out by a handful of small requests what an endpoint takes, and print the settings that fit it."""
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
