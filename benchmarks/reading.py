"""Commands that only read: what they cost from start to end, and `status` over many finished batches.

    python -m benchmarks.reading [--batches 400] [--repeats 5]

Makes a home with one batch of six seeds, two rounds, answers and a release against the fake endpoint; then each command
is started `repeats` times, and the least CPU time (user and system, s) of the process counts. Beside them stand the
floor, `python -c "import dagster"`, and loading the definitions. For `status` the batch is then multiplied: its events,
verdicts, recipe and seeds are written as often as there are to be batches, all over the same files of the lake.
Modules are compiled once, as where evergrow is installed: PYTHONDONTWRITEBYTECODE, which tests may run under, is unset.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tests.conftest import FakeEndpoint
from tests.platform import functions

SETTINGS = """\
gates:
  complexity: {max_drop: 9.0, min_mean: 1.0}
  diversity: {min_mean: 0.0, min_p10: 0.0}
evolution: {rounds: 2, children: 2, margin: -10}
"""
EVERGROW = ["-m", "evergrow.cli.main"]
DEFINITIONS = (
    "from evergrow.assets.definitions import build_definitions\n"
    "from evergrow.resources.settings import load_settings\n"
    "build_definitions(load_settings()).get_repository_def()"
)


def cpu(arguments: Sequence[str], repeats: int = 1) -> float:
    """The least CPU time of a Python process with these arguments, s."""
    found = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def variables(folder: Path, url: str) -> dict[str, str]:
    """The environment that points to the home of a folder, and to an endpoint."""
    return {
        "EVERGROW_HOME": str(folder / "home"), "EVERGROW_CONFIG": str(folder / "evergrow.yaml"),
        "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-test-0123456789",
    }  # fmt: skip


def make_home(folder: Path, url: str) -> str:
    """A home with the finished batch `a`; the id of one of its samples."""
    (folder / "evergrow.yaml").write_text(SETTINGS)
    functions(6).frame.select("content", id=pl.col("seed_id")).write_ndjson(folder / "seeds.jsonl")
    os.environ |= variables(folder, url)
    for line in (f"seeds add {folder}/seeds.jsonl --batch a", "run --batch a", "release --batch a"):
        cpu([*EVERGROW, *line.split()])
    said = subprocess.run(
        [sys.executable, *EVERGROW, "table", "evolution/round_02/accepted", "--partition", "a", "--json"],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(json.loads(said.stdout)[0]["id"])


def multiply(home: Path, count: int) -> None:
    """Have batch `a` be there `count` times more, as `b0000` and so on."""
    with sqlite3.connect(home / "dagster/history/runs/index.db") as events:
        made = events.execute(
            "SELECT id, run_id, event, dagster_event_type, timestamp, step_key, asset_key FROM event_logs "
            "WHERE partition = 'a' AND dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY id"
        ).fetchall()
        judged = events.execute(
            "SELECT asset_key, check_name, run_id, execution_status, evaluation_event FROM asset_check_executions "
            "WHERE partition = 'a' AND evaluation_event IS NOT NULL"
        ).fetchall()
        for number in range(count):
            name, ids = f"b{number:04}", {}
            for storage_id, run_id, event, kind, at, step, key in made:
                row = (run_id, _renamed(event, name), kind, at, step, key, name)
                ids[storage_id] = events.execute(
                    "INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, "
                    "partition) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                ).lastrowid
            for key, check, run_id, status, event in judged:
                found = json.loads(event)
                target = found["dagster_event"]["event_specific_data"]["target_materialization_data"]
                target["storage_id"] = ids.get(target["storage_id"], -1)
                events.execute(
                    "INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, "
                    "evaluation_event) VALUES (?, ?, ?, ?, ?, ?)",
                    (key, check, name, run_id, status, json.dumps(found)),
                )
            events.execute(
                "INSERT INTO dynamic_partitions (partitions_def_name, partition) VALUES ('batch', ?)", (name,)
            )
    with sqlite3.connect(home / "ledger.sqlite") as registry:
        for table, column in (("batches", "name"), ("recipes", "name")):
            columns = [row[1] for row in registry.execute(f"PRAGMA table_info({table})") if row[1] != column]
            listed = ", ".join(f'"{one}"' for one in columns)
            for number in range(count):
                registry.execute(
                    f"INSERT INTO {table} ({column}, {listed}) SELECT ?, {listed} FROM {table} WHERE {column} = 'a'",
                    (f"b{number:04}",),
                )


def _renamed(event: str, name: str) -> str:
    """The event of a materialization of batch `a` as one of batch `name`."""
    found = json.loads(event)
    made = found["dagster_event"]["event_specific_data"]["materialization"]
    made["partition"] = name
    for entry in made["metadata_entries"]:
        if entry["label"] == "made_from":
            record = json.loads(entry["entry_data"]["text"])
            record["read"] = [[key, name if of == "a" else of, version] for key, of, version in record["read"]]
            entry["entry_data"]["text"] = json.dumps(record)
    return json.dumps(found)


def main() -> None:
    """Print one line a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    endpoint = FakeEndpoint()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sample = make_home(Path(folder), endpoint.url)
            commands = (
                "--help", "status", "status --batch a", "show a", f"trace {sample} --batch a", "cost",
                "funnel --batch a", "table evolution/round_02/accepted --partition a", "run --batch a",
            )  # fmt: skip
            for what, arguments in (
                ("python -c 'import dagster'", ["-c", "import dagster"]),
                ("the definitions", ["-c", DEFINITIONS]),
                *((f"evergrow {line}", [*EVERGROW, *line.split()]) for line in commands),
            ):
                print(f"{what:<60} {cpu(arguments, given.repeats):6.2f} s")
            multiply(Path(folder) / "home", given.batches)
            print(f"{f'evergrow status, {given.batches} batches':<60} {cpu([*EVERGROW, 'status']):6.2f} s")
    finally:
        endpoint.kill()


if __name__ == "__main__":
    main()
