"""What the platform adds to a batch and a round, beside models: `python -m benchmarks.overhead [--seeds 3]`.

Few seeds, an endpoint that answers at once in a process of its own, the embedding model on this machine. One fresh
process imports and builds everything, takes a first batch through one round and its collection (cold: libraries, torch
and the model are loaded), then a second one (warm), and then a second round of that. Each is Dagster runs with their
events, gates, files and ledger; models take next to nothing. A third batch runs under a profiler, which tells whose
code the time is of. Wall seconds are also other processes'; CPU seconds are this one's, all threads together.
"""

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROUNDS = 2
GATES: dict[str, dict[str, float]] = {
    "complexity": {"max_drop": 9.0, "min_mean": 1.0},
    "diversity": {"min_mean": 0, "min_p10": 0},
}
OPEN: dict[str, float] = {"min_ratio_to_seeds": 0, "min_ratio_to_previous": 0}
PARTS = {
    "Dagster": ("dagster", "dagster_shared"),
    "SQLAlchemy and SQLite": ("sqlalchemy",),
    "gates: Great Expectations": ("great_expectations",),
    "evergrow": ("evergrow",),
    "tables: polars, pyarrow, numpy": ("polars", "pyarrow", "numpy"),
    "embedding: torch, transformers": ("torch", "transformers", "sentence_transformers", "tokenizers"),
    "requests: aiohttp, openai": ("aiohttp", "openai", "httpx"),
}
out = Console(width=120)


@contextmanager
def timed(table: Table, what: str) -> Iterator[None]:
    """A line of the table with the time that the context took."""
    began, cpu = time.perf_counter(), time.process_time()
    yield
    table.add_row(what, f"{time.perf_counter() - began:.1f}", f"{time.process_time() - cpu:.2f}")


def measure(seeds: int) -> None:
    """In a process that has imported next to nothing: print both tables."""
    table = Table(title=f"{seeds} seeds, {ROUNDS} children each")
    for name in ("", "wall s", "CPU s"):
        table.add_column(name, justify="right" if name else "left")
    with timed(table, "start: imports and definitions"):
        from evergrow.cli.workspace import open_workspace  # noqa: PLC0415 - is measured
        from evergrow.flows.evolve import run_batch  # noqa: PLC0415
        from evergrow.resources.host.progress import LogProgress  # noqa: PLC0415
        from evergrow.resources.registry.batches import stage  # noqa: PLC0415
        from evergrow.resources.settings import load_settings  # noqa: PLC0415
        from tests.platform import functions  # noqa: PLC0415

        rules: dict[str, float] = {"rounds": ROUNDS, "children": 2, "margin": -10}
        gates = {**GATES, "diversity": {**GATES["diversity"], **OPEN}}
        both, one = (load_settings({"evolution": {**rules, "rounds": n}, "gates": gates}) for n in (ROUNDS, 1))
    import logging  # noqa: PLC0415

    quiet, found = LogProgress(logging.getLogger("benchmark")), functions(seeds)
    with open_workspace(one, quiet) as workspace:
        with timed(table, "definitions"):
            workspace.definitions.resolve_all_job_defs()
        profile = cProfile.Profile(time.process_time)
        for name, what in (
            ("cold", "first batch, one round and collection"),
            ("warm", "second batch, the same"),
            ("p", ""),
        ):
            stage(workspace.registry, name, found)
            workspace.add_partition(name)
            if what:
                with timed(table, what):
                    run_batch(workspace, name, lambda _: None)
            else:
                profile.runcall(run_batch, workspace, name, lambda _: None)
    with open_workspace(both, quiet) as workspace, timed(table, "second batch, one more round and collection"):
        workspace.definitions.resolve_all_job_defs()
        run_batch(workspace, "warm", lambda _: None)
    out.print(table)
    out.print(_shares(pstats.Stats(profile)))


def _shares(stats: pstats.Stats) -> Table:
    """Whose code the time of a profile was spent in, built-in functions with whoever called them."""
    table, spent = Table(title="a warm batch, by whose code it is"), Counter[str]()
    for (path, _, _), (_, _, own, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if path == "~":
            for (caller, _, _), (_, _, part, _) in callers.items():
                spent[_part(caller)] += part
        else:
            spent[_part(path)] += own
    table.add_column("")
    table.add_column("%", justify="right")
    for name, seconds in spent.most_common():
        table.add_row(name, f"{100 * seconds / sum(spent.values()):.0f}")
    return table


def _part(path: str) -> str:
    names = Path(path).parts
    for part, packages in PARTS.items():
        if {*packages} & {*names}:
            return part
    own = Path(__file__).resolve().parent.parent.parts
    return "evergrow" if names[: len(own)] == own and "site-packages" not in names else "Python's own and others"


def main() -> None:
    """Start the endpoint and the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.seeds)
        return
    from tests.conftest import FakeEndpoint  # noqa: PLC0415 - not in the process that is measured

    endpoint = FakeEndpoint()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none", "EVERGROW_HOME": folder}
            command = [sys.executable, "-m", "benchmarks.overhead", "--inside", "--seeds", str(options.seeds)]
            subprocess.run(command, check=True, env={**env, "OMP_NUM_THREADS": "1"})
    finally:
        endpoint.kill()


if __name__ == "__main__":
    main()
