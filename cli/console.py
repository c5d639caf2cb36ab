"""What a person sees: tables, bars and messages, with untrusted text made harmless."""

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from evergrow.methods.text.visible import visible
from evergrow.resources.host.progress import Advance, CalmProgress

if TYPE_CHECKING:
    import polars as pl

CUT = 300  # characters of a value that is only shown
PIPE_WIDTH = 160  # columns of a table that is drawn into a file or a pipe

out = Console(highlight=False, width=None if sys.stdout and sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)


def say(message: str = "", style: str = "") -> None:
    """Print one message for a person; it goes to standard error, so that standard output stays data."""
    err.print(clean(message), style=style, soft_wrap=True)


def clean(text: str) -> Text:
    """Untrusted text without markup and without the control characters that terminals obey."""
    return Text(visible(text))


def show_table(frame: "pl.DataFrame", title: str, *, as_json: bool = False, whole: Collection[str] = ()) -> None:
    """Print a small table on standard output, as JSON (an array of objects) or drawn.

    Values of the columns that are `whole` are not broken where the terminal is narrow; those of others are.
    """
    rows = frame.to_dicts()
    if as_json:
        json.dump(rows, sys.stdout, indent=2, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
        return
    table = Table(title=clean(title), title_justify="left")
    for name, kind in frame.schema.items():
        side: Literal["left", "right"] = "right" if kind.is_numeric() else "left"
        table.add_column(clean(name), justify=side, overflow="fold", no_wrap=name in whole)
    for row in rows:
        table.add_row(*(clean(_cell(value)) for value in row.values()))
    out.print(table)


def show_records(frame: "pl.DataFrame", title: str, *, as_json: bool = False) -> None:
    """Print rows of a wide table one below the other, long values cut, or all of it as JSON."""
    if as_json:
        show_table(frame, title, as_json=True)
        return
    out.print(clean(title), style="italic")
    for row in frame.to_dicts():
        grid = Table(show_header=False, box=None, padding=(0, 1))
        grid.add_column(style="cyan", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in row.items():
            text = _cell(value)
            grid.add_row(clean(name), clean(text if len(text) <= CUT else f"{text[:CUT]} ..."))
        out.print(grid, "")


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}"
        case _:
            return str(value)


def _unseen(steps: int = 1, note: str = "", total: int | None = None) -> None:
    """Progress of nothing."""


class Bars:
    """Progress as bars on a terminal; where there is none, as a line now and then."""

    def track(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """Show `label` until the context ends; nothing where there is nothing to do."""
        if not total:
            return nullcontext(_unseen)
        return (
            self._bar(label, total)
            if err.is_terminal
            else CalmProgress(lambda line: say(f"  {line}")).track(label, total)
        )

    @contextmanager
    def _bar(self, label: str, total: int) -> Iterator[Advance]:
        columns: Sequence[TextColumn | BarColumn | MofNCompleteColumn | TimeElapsedColumn | TimeRemainingColumn] = (
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=err) as progress:
            task = progress.add_task(label, total=total, note="")

            def advance(steps: int = 1, note: str = "", total: int | None = None) -> None:
                if total is not None:
                    progress.update(task, total=total)
                progress.advance(task, steps)
                if note:
                    progress.update(task, note=note)

            yield advance
