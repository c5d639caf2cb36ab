"""Great Expectations' own pages, Data Docs, about gates: what each expects, and what it finds of a table.

They hold figures, names of columns and numbers of rows, and no text of a dataset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evergrow.assets.gates.check import Applied, wanted
from evergrow.assets.gates.suite import RowRule, Rule
from evergrow.assets.gates.validation import Bounds, as_numbers
from evergrow.assets.names import gate_name

SITE = "gates"


@dataclass(frozen=True, slots=True)
class Documented:
    """A partition of a table, such as `evolution/round_01/complexity` of `b`, and what its gate asks of it."""

    table: str
    partition: str
    stage: str
    applied: Applied


def write_data_docs(folder: Path, gates: Sequence[Documented]) -> Path:
    """Have Great Expectations validate the tables again and write its pages into `folder`; returns the first one.

    Raises:
        OSError: they cannot be written.
    """
    import great_expectations as gx  # noqa: PLC0415 - takes seconds

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute())}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    site = {"class_name": "SiteBuilder", "site_index_builder": index, "store_backend": store}
    context.add_data_docs_site(site_name=SITE, site_config=site)
    source = context.data_sources.add_pandas("evergrow")
    for gate in gates:
        rules = [(rule, bounds) for rule, bounds in gate.applied.rules if isinstance(rule, RowRule)]
        figures = [(rule, bounds) for rule, bounds in gate.applied.rules if not isinstance(rule, RowRule)]
        columns = {_column(rule): as_numbers(rule) for rule, _ in rules}  # two rules may ask the same of one
        rows = gate.applied.frame.with_row_index("__row").select(**columns)
        row = pl.DataFrame({r.figure: [gate.applied.figures[r.figure]] for r, _ in figures}, strict=False)
        for part, frame, asked in (("rows", rows, rules), ("figures", row, figures)):
            if asked:
                _validate(context, source, f"{gate_name(gate.stage)}.{part}.of.{_dotted(gate)}", frame, asked)
    context.build_data_docs()
    return folder / "index.html"


def _validate(
    context: Any,  # noqa: ANN401 - the library's types are hollow
    source: Any,  # noqa: ANN401
    name: str,
    frame: pl.DataFrame,
    asked: Sequence[tuple[Rule, Bounds]],
) -> None:
    import great_expectations as gx  # noqa: PLC0415

    expectations = [
        {
            "type": f"expect_column_{f'values_to_{rule.type}' if isinstance(rule, RowRule) else 'max_to_be_between'}",
            "kwargs": {"column": _column(rule), **bounds},
            "severity": rule.severity,
            "description": f"{rule.says}: {wanted(bounds)}" if bounds else rule.says,
        }
        for rule, bounds in asked
    ]
    data = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    kept = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    context.validation_definitions.add(gx.ValidationDefinition(name=name, data=data, suite=kept)).run(
        batch_parameters={"dataframe": frame.to_pandas()}, result_format="SUMMARY"
    )


def _dotted(gate: Documented) -> str:
    """Table and partition as one name, whose parts become folders."""
    return f"{gate.table}/{gate.partition}".replace("/", ".").replace("|", ".").replace(":", ".")


def _column(rule: Rule) -> str:
    """A column holds numbers that stand for what the rule asks of it, which differ from rule to rule."""
    return f"{rule.column} ({rule.type.removeprefix('be_')})" if isinstance(rule, RowRule) else rule.figure
