"""`evergrow table` and `evergrow cost`: tables of the lake, and what the ledger says was spent."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from evergrow.cli.console import say, show_records, show_table
from evergrow.cli.options import AsJson, ledger_alone, with_columns_named, workspace_of
from evergrow.methods.text.counts import counted

DRAWN_ROWS = 3


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("table")(table)
    app.command("cost")(cost)


def cost(as_json: AsJson = False) -> None:
    """What was spent, by batch, asset and model. A cost is unknown where the settings have no price for the model.

    Estimated are tokens of replies that told none: they are counted by their length, also against budgets.
    Unsettled is what attempts took at most whose reply was lost on the way: the provider may have charged it or not.
    Of what failed, is estimated or unsettled there is a column where there is any; `--json` has all of it.
    """
    import polars as pl  # noqa: PLC0415

    with ledger_alone() as ledger:
        costs = ledger.costs.grouped(group_by=("batch", "kind", "asset", "model"))
        if not as_json:
            counts = ("calls", "failed", "tokens_in", "tokens_out", "estimated_tokens")
            money = ("usd", "unsettled_usd")
            known = [pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()) for name in money]
            groups = {"batch": "total", "kind": "", "asset": "", "model": ""}
            total = costs.select(
                *(pl.lit(text).alias(name) for name, text in groups.items()),
                *(pl.col(name).sum() for name in counts),
                *known,
            )
            costs = pl.concat([costs.select(total.columns), total])
            nothing = [name for name in ("failed", "estimated_tokens", "unsettled_usd") if total[name].item() == 0]
            costs = costs.with_columns(pl.col(money).round(4).cast(pl.String).fill_null("unknown")).drop(nothing)
            costs = costs.rename(lambda name: name.replace("_", " "))  # a narrow terminal breaks a name at a space
        show_table(costs, "cost", as_json=as_json, whole=("asset",))


def table(
    asset_key: Annotated[str, typer.Argument(help="such as evolution/round_01/accepted, treesynth/level_1")],
    partition: Annotated[
        str | None, typer.Option("--partition", help="the batch, the tree, or the name of the release")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--out", help="a .parquet, .jsonl or .csv file, or - for JSONL on standard output")
    ] = None,
    rows: Annotated[Literal["kept", "rejected", "all"], typer.Option(help="rejected rows carry a reason")] = "kept",
    columns: Annotated[str | None, typer.Option("--columns", help="only these, such as id,content")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="at most so many rows; drawn are 3")] = None,
    form: Annotated[
        Literal["toe"] | None, typer.Option("--form", help="toe: records of Tree-of-Evolution's own scripts, as .json")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Any table of the lake as Parquet, JSONL, CSV or JSON, or its first rows on the terminal."""
    import dagster as dg  # noqa: PLC0415

    from evergrow.resources.lake.files_out import (  # noqa: PLC0415
        as_plain,
        formulas,
        require_format,
        write_records,
        write_table,
    )

    if form and target in {None, "-"}:
        raise typer.BadParameter("--form toe needs a file: --out FILE.json")
    if target not in {None, "-"} and not form:
        require_format(Path(str(target)))
    with workspace_of(reading=True) as workspace:
        frame = workspace.partition_table(dg.AssetKey.from_user_string(asset_key), partition, rows)
        frame = with_columns_named(frame, columns)
        shown = limit if limit or as_json or target else DRAWN_ROWS
        part = frame.head(shown) if shown else frame
        if target == "-":
            sys.stdout.write(as_plain(part.collect()).write_ndjson())
        elif target:
            written = write_records(part, Path(target)) if form else write_table(part, Path(target))
            say(f"{counted(written, 'rows')} in {target}")
            if commands := formulas(Path(target)):
                begin = counted(commands, "values begin as formulas do", "value begins as a formula does")
                say(f"{begin} (=, +, -, @): let no spreadsheet open it but as text")
        else:
            title = f"{asset_key}{f' of {partition!r}' if partition else ''}"
            found = as_plain(part.collect())
            first = "first rows" if found.height else f"no {'' if rows == 'all' else f'{rows} '}rows"
            show_records(found, f"{title}, {first}", as_json=as_json)
            if not as_json and found.height == shown and (there := _height(frame)) > found.height:
                say(f"{found.height:,} of {counted(there, 'rows')}; all with --json, --out FILE, or --limit {there}")


def _height(frame: Any) -> int:  # noqa: ANN401 - polars is imported late
    import polars as pl  # noqa: PLC0415

    return int(frame.select(pl.len()).collect().item())
