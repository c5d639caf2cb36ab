"""An export is read alike by what people read datasets with, whichever split comes first."""

import itertools
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from evergrow.methods.releasing.formats import FORMS, Form
from evergrow.resources.releases.manifest import read_manifest
from evergrow.resources.releases.writing import write_release
from tests.releases import facts, row, table

# Evolved rows and rows of a tree: each kind lacks columns of the other, and the small splits hold one kind alone.
EVOLVED = [row(n, tests="assert True" if n % 2 else None) for n in range(6)]
GROWN = [
    row(n, complexity=None, diversity=None, value=None, round=None, tree="t", leaf_id=f"l{n}", verdict=None,
        attributes=[{"dimension": "d", "value": "v"}])
    for n in range(6, 12)
]  # fmt: skip
MIXED = table(
    *EVOLVED, *GROWN, row(20, split="validation"), row(21, split="test", tree="t", leaf_id="l1", complexity=None)
)
HUGGING_FACE = """
import json, sys, datasets
folder, suffix, order = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
kind = "parquet" if suffix == "parquet" else "json"
files = {split: f"{folder}/{split}.{suffix}" for split in order}
loaded = datasets.load_dataset(kind, data_files=files)
whole = datasets.concatenate_datasets([loaded[split] for split in order])
print(json.dumps([whole.num_rows, sorted(whole.column_names), sorted(map(str, whole.features.values()))]))
"""


@pytest.fixture(scope="module", params=FORMS)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    form: Form = request.param
    return write_release(MIXED, tmp_path_factory.mktemp(form) / "r", form, facts(trees=("t",))).folder


def files(folder: Path) -> dict[str, Path]:
    return {file.split: folder / file.path for file in read_manifest(folder).files if file.split}


def test_datasets_loads_the_files_in_any_order_and_puts_them_together(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    suffix = next(iter(files(release).values())).suffix[1:]
    orders = [",".join(order) for order in itertools.permutations(files(release))][::2]

    told = {
        subprocess.run(
            [sys.executable, "-c", HUGGING_FACE, str(release), suffix, order],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for order in orders
    }

    assert len(told) == 1
    assert told.pop().startswith("[14, ")


def test_pandas_polars_and_duckdb_read_equal_columns_of_every_split(release: Path) -> None:
    columns = list(read_manifest(release).columns)
    for path in files(release).values():
        parquet = path.suffix == ".parquet"
        pandas = pd.read_parquet(path) if parquet else pd.read_json(path, lines=True)
        polars = pl.read_parquet(path) if parquet else pl.read_ndjson(path)
        ducks = duckdb.execute(f"select * from '{path}'")

        assert list(pandas.columns) == polars.columns == [column for column, *_ in ducks.description or ()] == columns
        assert len(pandas) == polars.height == len(ducks.fetchall())


def test_no_column_is_null_throughout_and_all_splits_have_one_schema(release: Path) -> None:
    paths = list(files(release).values())
    tables = [pl.read_parquet(p) if p.suffix == ".parquet" else pl.read_ndjson(p) for p in paths]
    whole = pl.concat(tables)

    assert all(table.schema == tables[0].schema for table in tables)
    assert all(whole[name].count() for name in whole.columns)
    union = duckdb.execute("select count(*) from (" + " union all ".join(f"select * from '{p}'" for p in paths) + ")")
    assert union.fetchall() == [(whole.height,)]
