"""`evergrow show` and `evergrow diff`: rows of each stage, and two batches side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergrow.cli.console import clean, out, say, show_table
from evergrow.cli.options import AsJson, print_json, workspace_of
from evergrow.cli.recipe import Kind
from evergrow.methods.text.counts import counted

if TYPE_CHECKING:
    import polars as pl

    from evergrow.flows.comparison import BatchComparison
    from evergrow.flows.excerpt import Excerpt

TEXT = 160  # characters of a text that is drawn
FIRST = ("id", "leaf_id", "domain", "state", "task", "verdict", "complexity", "diversity", "value", "split")
TEXTS = ("content", "response")


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("show")(show)
    app.command("diff")(diff)


def show(
    name: Annotated[str, typer.Argument(help="a batch, a tree or a release")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="of each stage")] = 5,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """A few rows of each stage of a batch, tree or release, from its seeds to what is released.

    Texts are cut; `--json` has every column whole. Rows are shown as they are, whatever the gates say.
    """
    from evergrow.flows.excerpt import excerpts  # noqa: PLC0415 - imports everything
    from evergrow.flows.recipes import owner_kind  # noqa: PLC0415

    with workspace_of(reading=True) as workspace:
        found = list(excerpts(workspace, owner_kind(workspace, name, kind), name, rows))
    if as_json:
        print_json(as_objects(found))
        return
    show_excerpts(found, name)
    if not found:
        say(f"nothing of {name!r} is made yet: evergrow status says what is due")


def as_objects(found: "Sequence[Excerpt]") -> list[dict[str, Any]]:
    """Excerpts as JSON has them, every column whole."""
    from evergrow.resources.lake.files_out import as_plain  # noqa: PLC0415

    return [
        {"table": one.table, "partition": one.partition, "kept": one.kept, "rejected": one.rejected,
         "rows": as_plain(one.rows).to_dicts()}
        for one in found
    ]  # fmt: skip


def show_excerpts(found: "Sequence[Excerpt]", name: str) -> None:
    """Draw excerpts of the batch, tree or release called `name`."""
    for one in found:
        rejected = f", {one.rejected:,} rejected" if one.rejected else ""
        shard = f" {one.partition}" if one.partition != name else ""
        out.print(clean(f"{one.table}{shard}: {counted(one.kept, 'rows')}{rejected}"), style="italic")
        show_table(_readable(one.rows), "")


def diff(
    a: Annotated[str, typer.Argument(help="a batch")],
    b: Annotated[str, typer.Argument(help="another, on the same seeds")],
    rows: Annotated[int, typer.Option("--rows", min=0, help="roots that are drawn side by side")] = 5,
    as_json: AsJson = False,
) -> None:
    """Two batches on the same seeds: settings that differ, stages, scores, measures, cost, and rows side by side."""
    from evergrow.flows.comparison import compare  # noqa: PLC0415 - imports everything

    with workspace_of(reading=True) as workspace:
        found = compare(workspace, a, b)
    if as_json:
        tables = ("settings", "stages", "scores", "measures", "cost", "rows")
        seeds = {"common": found.common, "only_a": found.only_a, "only_b": found.only_b}
        print_json({"a": a, "b": b, "seeds": seeds, **{name: getattr(found, name).to_dicts() for name in tables}})
    else:
        _show_difference(found, a, b, rows)


def _show_difference(found: "BatchComparison", a: str, b: str, rows: int) -> None:
    only = ", ".join(f"{n:,} only in {name!r}" for n, name in ((found.only_a, a), (found.only_b, b)))
    say(f"{a!r} is a, {b!r} is b: {counted(found.common, 'common seeds')}, {only}")
    for name, title in (
        ("settings", "settings that differ"), ("stages", "rows of each stage"), ("scores", "means of the scores"),
        ("measures", "measures"), ("cost", "cost"),
    ):  # fmt: skip
        table = getattr(found, name)
        if table.height:
            show_table(table, title)
        else:
            say(f"{title}: none")
    for row in found.rows.head(rows).to_dicts():
        draw_pair(row)
    if found.rows.height > rows:
        say(f"{rows:,} of {counted(found.rows.height, 'roots')} are drawn; more with --rows N, all with --json")


def draw_pair(row: dict[str, Any]) -> None:
    """Draw the best rows of a common root side by side; `row` is one of `BatchComparison.rows`."""
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=clean(f"root {row['root_a']}: {_cut(row['seed'])}"), title_justify="left", show_lines=True)
    for side in "ab":
        known = [(name, row[f"{name}_{side}"]) for name in ("complexity", "diversity")]
        scores = ", ".join(f"{name} {value:.3g}" for name, value in known if value is not None)
        table.add_column(clean(f"{side} {scores}"), ratio=1, overflow="fold")
    table.add_row(*(clean(row[side] or "nothing was kept of it") for side in "ab"))
    out.print(table)


def _readable(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The columns that a person reads first, texts cut to a terminal's size."""
    import polars as pl  # noqa: PLC0415

    numbers = [name for name in FIRST if name in frame.columns and frame[name].null_count() < frame.height]
    texts = [name for name in TEXTS if name in frame.columns and frame.schema[name] == pl.String]
    shown = frame.select(*numbers, *texts) if numbers or texts else frame
    return shown.with_columns(pl.Series(name, [_cut(text) for text in shown[name]], pl.String) for name in texts)


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    line = " ".join(text.split())
    return line if len(line) <= TEXT else f"{line[:TEXT]} ..."
