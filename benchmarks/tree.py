"""Growing a tree against the fake endpoint: 1,000 leaves in time, 10,000 leaves in memory, writes per node.

    python -m benchmarks.tree [--leaves 1000] [--latency 0.1] [--concurrency 128]

Samples are compared by their words only: how fast the embedding model is, is measured elsewhere.

Measured is what the assets do between reading and writing tables: the chains of requests of each level, and the samples
of all leaves. The time allowed is the longer of two: the longest chain of requests, each taking `latency`, and all
requests through `concurrency` places. Both are what a perfect client would need of an endpoint that keeps its latency.
What this one needs on this machine is told by `bare_s`: the same bodies, sent by aiohttp alone in the same run, none
waiting for another's answer. `times_bare` is the tree's time over it.
"""

import argparse
import asyncio
import importlib
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import numpy as np

from evergrow.assets.treesynth.asker import Asker
from evergrow.methods.concurrency import each
from evergrow.methods.nested_rows import nested_rows
from evergrow.methods.treesynth.domain import Dimension, Domain
from evergrow.methods.treesynth.domain_files import find_domain
from evergrow.methods.treesynth.grown import row, settle
from evergrow.methods.treesynth.growth import Grower
from evergrow.methods.treesynth.leaves import Leaf
from evergrow.methods.treesynth.nodes import LEVEL_SCHEMA, next_nodes, read_node, root
from evergrow.methods.treesynth.spec import TreeSpec
from evergrow.methods.treesynth.writer import Writer, line_rows, nothing_taken
from evergrow.resources.host.memory import set_loaded_aside
from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Attribution, Engine, conversation
from evergrow.resources.settings import Settings, load_settings

PROGRESS = LogProgress(logging.getLogger("benchmark"))
WHO = Attribution(run_id="benchmark", asset="treesynth", partition="t", batch="t")


def wide_domain(fan: int) -> Domain:
    """Word problems below a first dimension of `fan` values, the others being asked of the model."""
    values = tuple(f"topic number {n}" for n in range(fan))
    first = Dimension(dimension="Topic", values=values)
    return find_domain("gsm8k").model_copy(update={"dimensions": (first,)})


def apart(texts: Sequence[str]) -> np.ndarray:
    """Vectors that merge nothing: the embedding model's own speed is measured elsewhere."""
    draws = np.random.default_rng(0).normal(size=(len(texts), 64)).astype(np.float32)
    vectors: np.ndarray = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    return vectors


async def grow(settings: Settings, ledger: Ledger, fan: int, rows_per_leaf: int) -> dict[str, float]:
    """Grow two levels below the root, then write every leaf; returns figures."""
    domain, spec, rules = wide_domain(fan), TreeSpec("t", "gsm8k", 2, None, 42), settings.treesynth
    started, cpu = time.monotonic(), time.process_time()
    async with Engine.open(settings, ledger, WHO, PROGRESS) as engine:
        nodes = [root("t", "gsm8k")]
        tables = []
        for depth in range(3):
            async with conversation(engine, f"level {depth}", len(nodes)) as talk:
                grower = Grower(Asker(talk, 42, rules), apart, spec, domain, rules)
                grown = await each(nodes, grower.grow)
            settle(grown, apart, rules)
            tables.append(nested_rows((row(spec, domain, g) for g in grown), LEVEL_SCHEMA))
            nodes = list(next_nodes(tables[-1]))
        grown_s = time.monotonic() - started
        leaves = [Leaf(read_node(r), rows_per_leaf) for r in tables[-1].iter_rows(named=True)]
        async with conversation(engine, "samples", len(leaves)) as talk:
            writer = Writer(Asker(talk, 42, rules), apart, domain, 42, rules.samples_per_call, rules.fill_rounds)
            await writer.fill(leaves, nothing_taken(rules.sample_similarity))
        rows = sum(1 for leaf in leaves for r in line_rows(leaf, "t", domain) if r["reason"] is None)
        summary = engine.summary()
    return {
        "leaves": len(leaves),
        "rows": rows,
        "levels_s": round(grown_s, 2),
        "total_s": round(time.monotonic() - started, 2),
        "requests": int(summary["answered"] or 0),
        "cpu_s": round(time.process_time() - cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def replay(url: str, bodies: Sequence[str], concurrency: int) -> dict[str, float]:
    """Send the bodies again by aiohttp alone, so many at a time; seconds of wall and of processor."""
    headers, left = {"Content-Type": "application/json"}, iter(bodies)

    async def some(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(f"{url}/chat/completions", data=body.encode(), headers=headers) as response:
                assert "choices" in json.loads(await response.read())

    started, cpu = time.monotonic(), time.process_time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        await asyncio.gather(*(some(session) for _ in range(concurrency)))
    return {
        "bare_s": round(time.monotonic() - started, 2),
        "bare_cpu_s": round(time.process_time() - cpu, 2),
    }


def main() -> None:
    """Run one size and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000, help="about how many")
    parser.add_argument("--rows-per-leaf", type=int, default=10)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=128)
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.fake_endpoint", "--with-parent", "--latency", str(options.latency)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout is not None
    url = json.loads(server.stdout.readline())["url"]
    endpoint = {"base_url": url, "concurrency": options.concurrency, "answers": "json_schema"}
    settings = load_settings(
        {"endpoints": {"default": endpoint}, "treesynth": {"infinite_over": 100_000, "sample_similarity": 1.0}}
    )
    # The embedding model brings torch, the gates bring pandas.
    for once_a_process in (
        "evergrow.resources.llm.transport",
        "genai_prices.data",
        "torch",
        "pandas",
        "pyarrow.compute",
    ):
        importlib.import_module(once_a_process)
    set_loaded_aside()  # as a run does
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(f"sqlite:///{Path(folder) / 'ledger.sqlite'}")
        figures = asyncio.run(grow(settings, ledger, max(2, options.leaves // 4), options.rows_per_leaf))
        bodies = [call.request for call in ledger.latest(run_id=WHO.run_id, limit=10 * options.leaves)]
        ledger.close()
        figures |= asyncio.run(replay(url, bodies, options.concurrency))
        figures["ledger_bytes_per_node"] = (Path(folder) / "ledger.sqlite").stat().st_size // int(figures["leaves"])
    server.kill()
    server.wait()
    # Pivots, dimension, up to three completions, then the samples: nothing of it can be done at once.
    chain = 6 * options.latency
    places = figures["requests"] * options.latency / options.concurrency
    figures |= {
        "allowed_s": round(max(chain, places), 2),
        "requests_per_s": round(figures["requests"] / figures["total_s"]),
        "times_bare": round(figures["total_s"] / figures["bare_s"], 2),
        "ms_each": round(1000 * figures["cpu_s"] / figures["requests"], 2),
        "bare_ms_each": round(1000 * figures["bare_cpu_s"] / len(bodies), 2),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
