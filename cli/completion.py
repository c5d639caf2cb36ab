"""`evergrow completion`: the script by which a shell completes the command and its options."""

import sys
from typing import Annotated, Literal

import typer


def add_commands(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("completion")(completion)


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="of which shell")]) -> None:
    """Print the script that completes evergrow in a shell.

    bash: eval "$(evergrow completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc; fish: evergrow completion fish >
    ~/.config/fish/completions/evergrow.fish
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined] # noqa: PLC0415 - only here

    script = get_completion_script(prog_name="evergrow", complete_var="_EVERGROW_COMPLETE", shell=shell)
    sys.stdout.write(f"{script}\n")
