"""One round of evolution at real size, against a fake endpoint in a process of its own.

`python -m benchmarks.round [--seeds FILE] [--count 1000] [--latency 0.2] [--concurrency 64]` runs seeds, one round and
the collection as `evergrow run` does, in a temporary home, and prints the time of each step beside the time that the
endpoint alone would take. Without a file, the seeds are harvested from the standard library.
"""

import argparse
import os
import resource
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from evergrow.assets.names import COLLECTED, SEEDS, STAGES, stage_key
from evergrow.cli.console import Bars, say
from evergrow.cli.workspace import open_workspace
from evergrow.flows.evolve import run_batch
from evergrow.flows.workspace import Workspace
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.registry.batches import stage
from evergrow.resources.seeds.harvest import harvest
from evergrow.resources.seeds.read import read_seeds
from evergrow.resources.seeds.source import Seeds
from evergrow.resources.settings import load_settings
from tests.conftest import FakeEndpoint

BATCH = "bench"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=Path, help="a seed file")
    parser.add_argument("--count", type=int, default=1000, help="how many seeds")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds per answer")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight")
    options = parser.parse_args()
    endpoint = FakeEndpoint(latency=options.latency)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none", "EVERGROW_HOME": folder}
        gates = {"diversity": {"min_mean": 0, "min_p10": 0, "min_ratio_to_seeds": 0, "min_ratio_to_previous": 0}}
        server = {"default": {"concurrency": options.concurrency}}
        settings = load_settings({"evolution": {"rounds": 1}, "gates": gates, "endpoints": server})
        with open_workspace(settings, Bars()) as workspace:
            stage(workspace.registry, BATCH, _seeds(options.seeds, options.count))
            workspace.add_partition(BATCH)
            started, cpu = time.monotonic(), time.process_time()
            run_batch(workspace, BATCH, say)
            wall, cpu = time.monotonic() - started, time.process_time() - cpu
            ideal = options.latency * 3 * options.count / options.concurrency
            _report(workspace, ideal, wall, cpu, endpoint.stats()["peak"])
            started = time.monotonic()
            asked = endpoint.stats()["requests"]
            run_batch(workspace, BATCH, say)
            again = endpoint.stats()["requests"] - asked
            _print(f"the finished run repeated: {time.monotonic() - started:.1f} s, {again} requests")
    endpoint.kill()


def _seeds(path: Path | None, count: int) -> Seeds:
    if path is None:
        return harvest(sysconfig.get_path("stdlib"), count, 120, 4000)
    seeds = read_seeds(path, 20_000)
    return Seeds(seeds.frame.head(count), seeds.notes, seeds.origin)


def _report(workspace: Workspace, ideal: float, wall: float, cpu: float, peak: int) -> None:
    _print(f"{'step':<34}{'rows':>8}{'wall s':>9}{'endpoint alone s':>18}")
    for key in (SEEDS, *(stage_key(1, name) for name in STAGES), COLLECTED):
        record = latest_materialization(workspace.instance, key, BATCH)
        assert record is not None
        assert record.asset_materialization is not None
        stats = workspace.instance.get_run_step_stats(record.run_id, step_keys=["__".join(key.path)])
        seconds = (stats[0].end_time or 0.0) - (stats[0].start_time or 0.0)
        rows = record.asset_materialization.metadata["dagster/partition_row_count"].value
        alone = f"{ideal:.1f}" if key.path[-1] in ("instructions", "complexity") else "-"
        _print(f"{key.to_user_string():<34}{rows!s:>8}{seconds:>9.1f}{alone:>18}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _print(f"all: {wall:.1f} s wall, {cpu:.1f} s CPU, {memory:.0f} MiB peak, {peak} requests in flight at most")
    for row in workspace.funnel(BATCH).to_dicts():
        _print(str(row))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
