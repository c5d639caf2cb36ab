"""What `evergrow trace` costs beyond start-up: `python -m benchmarks.trace [--rows 100000] [--rounds 3]`.

A batch of so many seeds, and as many children in each round, 100 drawn words each, stands in a lake of its own: four
tables a round and the collection, and a ledger with a request and a reply for writing and for judging each child.
The event log names the tables as runs would. The last child is traced, and one that is in no table.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from evergrow.flows.workspace import Workspace
    from evergrow.resources.ledger import Call

WORDS = 100
UNJUDGED = ["complexity", "complexity_reason", "judge_call_id", "diversity", "value", "nearest_id"]
UNMEASURED = ["diversity", "value", "nearest_id"]


def texts(rows: int) -> pl.Series:
    """Texts of drawn words."""
    generator = np.random.default_rng(0)
    words = np.array([f"word{n}" for n in range(20_000)])
    return pl.Series([" ".join(part) for part in words[generator.integers(0, len(words), (rows, WORDS))]])


def layer(rows: int, number: int, content: pl.Series) -> pl.DataFrame:
    """The accepted children of a round, one of each parent; the seeds for round 0."""
    ids = pl.Series([f"s{n}{'_0' * number}" for n in range(rows)])
    return pl.DataFrame(
        {
            "id": ids,
            "root_id": pl.Series([f"s{n}" for n in range(rows)]),
            "batch": "b",
            "content": content,
            "round": number,
            "slot": 0,
            "complexity": 5.0,
            "complexity_reason": content,
            "diversity": 0.5,
            "value": 10.0,
            "nearest_id": ids.reverse(),
            "reason": pl.Series([None] * rows, dtype=pl.String),
        }
    ).sort("id")


def fill(workspace: "Workspace", rows: int, rounds: int) -> None:
    """Write the tables and the ledger, and say so in the event log."""
    import dagster as dg  # noqa: PLC0415

    from evergrow.assets.names import COLLECTED, SEEDS, STAGES, stage_key  # noqa: PLC0415
    from evergrow.resources.lake.versions import LAKE_PATH  # noqa: PLC0415

    content = texts(rows)

    def write(key: dg.AssetKey, table: pl.DataFrame) -> None:
        path, digest = workspace.lake.write(key, "b", table)
        made = dg.AssetMaterialization(
            key, partition="b", metadata={LAKE_PATH: path}, tags={"dagster/data_version": digest}
        )
        workspace.instance.report_runless_asset_event(made)

    table = layer(rows, 0, content)
    write(SEEDS, table)
    for number in range(1, rounds + 1):
        table = layer(rows, number, content).with_columns(
            call_id=pl.format("{}-w", "id"), judge_call_id=pl.format("{}-j", "id")
        )
        for stage, lacks in zip(STAGES, (UNJUDGED, UNMEASURED, [], []), strict=True):
            write(stage_key(number, stage), table.drop(lacks))
        remember(workspace, table)
    write(COLLECTED, table)


def remember(workspace: "Workspace", table: pl.DataFrame) -> None:
    """Put a request and a reply into the ledger for each call of a table."""
    from evergrow.resources.ledger import Call  # noqa: PLC0415

    with workspace.ledger() as ledger:
        for role, column in (("generator", "call_id"), ("judge", "judge_call_id")):
            for part in table.select("content", name=column).iter_slices(5_000):
                ledger.record([_call(Call, role, name, text) for text, name in part.iter_rows()])


def _call(made: "type[Call]", role: str, name: str, text: str) -> "Call":
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    return made(
        call_id=name, request_key=name, draw=0, turn=0, role=role, endpoint="e", model="m", slot=0, prompt_version="p",
        request=body, run_id="r", asset="a", partition="b", batch="b", asked_at=1.0, answered_at=2.0, latency_s=1.0,
        attempts=1, reply=text, tokens_in=150, tokens_out=150,
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EVERGROW_HOME"] = str(Path(folder) / "home")
        from evergrow.cli.options import workspace_of  # noqa: PLC0415 - reads the environment
        from evergrow.flows.trace import UnknownSample, trace  # noqa: PLC0415
        from evergrow.resources.registry.batches import stage  # noqa: PLC0415
        from evergrow.resources.seeds.source import Seeds  # noqa: PLC0415

        seed = pl.DataFrame({"id": ["s0"], "seed_id": ["s0"], "content": ["x"], "kind": ["code"], "source": ["made:1"]})
        with workspace_of() as workspace:
            stage(workspace.registry, "b", Seeds(seed))
            fill(workspace, given.rows, given.rounds)
        shown = Table("row", "steps", "requests", "wall s", "CPU s")
        last = f"s{given.rows - 1}{'_0' * given.rounds}"
        for name in (last, "nobody_0"):
            with workspace_of() as workspace:  # nothing is remembered from before
                start, cpu = time.perf_counter(), time.process_time()
                try:
                    steps = trace(workspace, name, None)
                except UnknownSample:
                    steps = []
                calls = sum(len(step.calls) for step in steps)
                shown.add_row(
                    name,
                    str(len(steps)),
                    str(calls),
                    f"{time.perf_counter() - start:.2f}",
                    f"{time.process_time() - cpu:.2f}",
                )
        Console().print(shown)


if __name__ == "__main__":
    main()
