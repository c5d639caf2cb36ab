"""The explorer's page on a large set, in headless Chromium: `python -m benchmarks.explorer [--rows 100000]`.

A made-up release of so many rows, three quarters of them evolved from the others, with drawn texts, answers, places and
neighbours; no embedding model is asked. The page is made as `evergrow explore` makes it, opened from a file, and used.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from evergrow.assets.trust.explorer import explorer
from evergrow.assets.trust.map import NEAR
from evergrow.assets.trust.scene import Scene

NEIGHBOURS, REPEATS = 8, 5
PATIENCE_MS = 300_000
FRAME = "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));"
# Each is done as its control does it; the time is from then until the frame after it is drawn.
ACTIONS = {
    "first search, two words (texts are folded)": "state.query = 'word7 word11'; apply();",
    "search, two words": "state.query = 'word8 word12'; apply();",
    "filter by a word of a column": "setFilter('domain', { code: 1 });",
    "filter by numbers as well": "setFilter('value', { low: 10, high: 14 });",
    "all rows again": "state.filters.clear(); state.query = ''; apply();",
    "another colour": "state.colour = 'value'; recolour(); drawMap(); drawTree();",
    "sort by a column": "state.sort = { name: 'value', up: false }; apply();",
    "the map moved (a frame of dragging)": "state.view.x += 0.01; drawMap();",
    "the point under the pointer": "nearestTo({ clientX: 300, clientY: 300 });",
    "a row of the fourth generation": "select(state.rows - 1);",
    "the table scrolled to its middle": "$('scroll').scrollTop = state.rows * 12; drawTable();",
}


def made_up(rows: int, words: int) -> pl.DataFrame:
    """Rows of four generations, as a scene has them."""
    draw, roots = np.random.default_rng(0), rows // 4
    names = np.array([f"word{n}" for n in range(20_000)])

    def texts() -> pl.Series:
        picked = names[draw.integers(0, len(names), (rows, words))]
        return pl.Series([" ".join(part) for part in picked])

    numbers = np.arange(rows)
    ids = [f"s{n % roots}{'_0' * (n // roots)}" for n in numbers]
    parents = [None if n < roots else ids[n - roots] for n in numbers]
    near = draw.integers(0, rows, (rows, NEIGHBOURS))
    return pl.DataFrame(
        {
            "id": ids, "batch": "b", "root_id": [f"s{n % roots}" for n in numbers], "parent_id": parents,
            "stage": ["seeds" if n < roots else f"round_{n // roots:02d}" for n in numbers],
            "state": pl.Series(np.where(draw.random(rows) < 0.7, "kept", "below_parent")),
            "domain": pl.Series(np.array(["code", "maths", "text"])[draw.integers(0, 3, rows)]),
            "content": texts(), "response": texts(), "split": "train",
            "complexity": draw.uniform(1, 10, rows), "diversity": draw.random(rows), "value": draw.uniform(1, 20, rows),
            "x": draw.normal(0, 0.4, rows), "y": draw.normal(0, 0.4, rows),
            "near": pl.Series(
                [[{"batch": "b", "id": ids[one], "similarity": 0.5} for one in some] for some in near], dtype=NEAR
            ),
            "method": "drawn",
        }
    )  # fmt: skip


def timed(page: Page, action: str) -> float:
    """Milliseconds from an action to the frame in which what it did is drawn."""
    return float(
        page.evaluate(
            f"async () => {{ const at = performance.now(); {action} {FRAME} return performance.now() - at; }}"
        )
    )


def main() -> None:
    """Make the page, use it, and print the times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=60, help="of a text, and of an answer")
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("there is no chromium; `apt-get install chromium` brings it")
    rows = made_up(given.rows, given.words)
    cpu = time.process_time()
    made = explorer(Scene("release:main", rows, None, "a model"))
    cpu = time.process_time() - cpu
    shown = Table("what", f"{given.rows:,} rows")
    shown.add_row("the page is made, CPU", f"{cpu:.1f} s")
    shown.add_row("its size", f"{len(made.encode()) / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "index.html"
        file.write_text(made, encoding="utf-8")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 850})
        page.set_default_timeout(PATIENCE_MS)
        start = time.perf_counter()
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-ready=yes]")
        page.evaluate(f"async () => {{ {FRAME} }}")
        shown.add_row("from its address to the first points", f"{time.perf_counter() - start:.1f} s")
        heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        for what, action in ACTIONS.items():
            often = 1 if what.startswith("first") else REPEATS
            shown.add_row(what, f"{np.median([timed(page, action) for _ in range(often)]):.0f} ms")
        shown.add_row("memory of its script when it is opened", f"{heap:.0f} MB")
        browser.close()
    Console().print(shown)


if __name__ == "__main__":
    main()
