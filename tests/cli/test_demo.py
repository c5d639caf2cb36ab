"""The demo on the embedded model, as a new user runs it: no key, no endpoint, nothing but the installed packages."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml

from evergrow.cli.demo import DOMAIN, LEAVES
from tests.conftest import ROOT


def test_each_leaf_of_the_demos_tree_gets_one_sample() -> None:
    domain = yaml.safe_load((ROOT / "methods" / "treesynth" / "domains" / f"{DOMAIN}.yaml").read_text())
    sizes = [len(given["values"]) for given in domain["dimensions"]]

    assert {levels: math.prod(sizes[:levels]) for levels in LEAVES} == LEAVES


def test_the_demo_grows_a_dataset_behind_gates_and_says_where_it_is(tmp_path: Path, vectors_at_hand: None) -> None:
    command = [str(Path(sys.executable).with_name("evergrow")), "demo", "--seeds", "2", "--levels", "1"]
    command += ["--set", "evolution.rounds=1"]

    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    home = Path(os.environ["EVERGROW_HOME"])
    rows = [json.loads(line) for line in (home / "exports/demo/train.jsonl").read_text().splitlines()]
    assert rows
    assert all(turn["content"] for row in rows for turn in row["messages"])
    assert {row["batch"] for row in rows} <= {"demo", "support"}
    assert "mean little" in done.stderr
    assert "gates.complexity: min_scored_share" in done.stderr
    assert str(home / "exports/demo") in done.stderr
    assert "evergrow ui" in done.stderr
    assert all(word in done.stdout for word in ("round_01", "collected", "verified", "release", "ancestry"))
    assert "What the customer wants" in done.stdout
    assert "6 nodes, 5 leaves, " in done.stdout
    assert len(pl.read_parquet(next((home / "lake/treesynth/samples").glob("*~support/*.parquet")))) >= 3
    assert "Do not train on them" in (home / "exports/demo/README.md").read_text()
