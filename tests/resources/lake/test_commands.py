"""The commands that the UI shows beside a table."""

import dagster as dg
import polars as pl
import pytest

from evergrow.resources.lake.commands import commands

ROWS = pl.DataFrame({"id": ["s0_0", "s0_1"], "reason": ["outside_beam", None]})


@pytest.mark.parametrize(
    ("key", "partition", "told"),
    [
        ("evolution/round_01/accepted", "b", ["--batch b", "trace 's0_1' --batch b"]),
        ("dataset/release", "main", ["--release main", "trace 's0_1'`"]),
        ("treesynth/samples", "s00|t", ["--tree t"]),
        ("quality/measures", "tree:t", ["--tree t"]),
    ],
)
def test_a_table_names_the_pages_of_what_it_belongs_to(key: str, partition: str, told: list[str]) -> None:
    shown = str(commands(dg.AssetKey(key.split("/")), partition, ROWS).value)

    assert f"`evergrow table {key} --partition '{partition}'`" in shown
    assert f"`evergrow report {told[0]}`" in shown
    assert told[-1] in shown
    assert ("trace" in shown) == ("trace" in told[-1])


def test_what_belongs_to_no_batch_tree_or_release_has_no_page() -> None:
    shown = str(commands(dg.AssetKey(["trust", "judge"]), "a-model", ROWS.clear()).value)

    assert "explore" not in shown
    assert "evergrow table trust/judge" in shown
