"""Makes the pictures of docs/ that show commands and pages: `python -m tests.pictures [--out docs]`.

A small batch is grown and released in a home of its own, answered by the tests' endpoint; then each command is run, or
each page opened in headless Chromium, as a user would; so are Dagster's own pages, which `evergrow ui` serves.
"""

import argparse
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from playwright.sync_api import FloatRect, Page
from rich.console import Console
from rich.text import Text

from tests.browser import browsing
from tests.conftest import FakeEndpoint
from tests.live import live
from tests.platform import LENIENT, functions

WIDTH, SIZE = 118, {"width": 1100, "height": 700}
SETTINGS = {
    "gates": LENIENT["gates"],
    "evolution": {"rounds": 2, "children": 3, "margin": -10},
    "release": {"validation_share": 0.2, "test_share": 0.2},
    "prices": {"gpt-4o-2024-08-06": {"input": 0.15, "output": 0.6, "as_of": "2026-11-01"}},
}
GROWN = (
    ("seeds", "add", "code.jsonl", "--batch", "code"),
    ("seeds", "add", "code.jsonl", "--batch", "once"),
    ("run", "--batch", "code"),
    ("run", "--batch", "once", "--rounds", "1", "--set", "evolution.children=2"),
    ("release", "--batch", "code"),
)
COMMANDS = {
    "status": ("status",),
    "show": ("show", "code", "--rows", "1"),
    "preview": ("preview", "--batch", "once", "--seeds", "2", "--rounds", "1", "--yes"),
    "diff": ("diff", "code", "once"),
    "doctor": ("doctor",),
}
WAY: FloatRect = {"x": 310, "y": 330, "width": 1330, "height": 165}  # where the page of a group has its tables
DRAWN = ("pages", "dagster")
LINES = {"show": 44, "preview": 50, "diff": 46}  # of long ones, as many as a page holds


def evergrow(folder: Path, *arguments: str) -> str:
    """What a command prints on a terminal of `WIDTH` columns, with its colours, and then its messages."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 100, WIDTH, 0, 0))
    command = [sys.executable, "-m", "evergrow.cli.main", *arguments]
    with (folder / "messages").open("w+b") as messages:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=its, stderr=messages)
        os.close(its)
        printed = b""
        while part := _read(ours):
            printed += part
        process.wait()
        messages.seek(0)
        said = [line for line in messages.read().decode().splitlines() if not line.startswith("  ")]
    if process.returncode > 1:
        raise SystemExit(f"evergrow {' '.join(arguments)} ended with {process.returncode}: {' '.join(said)}")
    return printed.decode() + "\n".join(said)


def _read(end: int) -> bytes:
    try:
        return os.read(end, 65_536)
    except OSError:  # the terminal's other end is closed
        return b""


def draw_terminal(page: Page, command: str, printed: str, lines: int | None, file: Path) -> None:
    """A picture of what a command printed."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    shown = printed.replace("\r\n", "\n").rstrip("\n").splitlines()
    cut = [*shown[:lines], "..."] if lines and len(shown) > lines else shown
    console.print(Text.from_ansi("\n".join([f"$ {command}", *cut])), soft_wrap=True)
    style = (
        "<style>body{margin:0;background:#fff}pre{margin:0;padding:12px 16px;font-size:13px;line-height:1.35}</style>"
    )
    page.set_content(style + console.export_html(inline_styles=True))
    page.locator("pre").screenshot(path=file)


def draw_pages(page: Page, folder: Path, target: Path) -> None:
    """Pictures of the explorer, the report, a trace and Great Expectations' pages."""
    evergrow(folder, "explore", "--batch", "code", "--out", "explorer")
    page.goto((folder / "explorer" / "index.html").as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    page.evaluate("state.colour = 'complexity'; $('colour').value = 'complexity'; recolour(); select(state.rows - 1)")
    page.screenshot(path=target / "explore.png")
    evergrow(folder, "report", "--batch", "code", "--out", "report.html")
    page.goto((folder / "report.html").as_uri())
    page.screenshot(path=target / "report.png")
    rows = json.loads(evergrow(folder, "table", "evolution/collected", "--partition", "code", "--json"))
    last = max((row["id"] for row in rows), key=len)
    evergrow(folder, "trace", last, "--batch", "code", "--html", "trace.html")
    page.goto((folder / "trace.html").as_uri())
    page.screenshot(path=target / "trace.png")
    evergrow(folder, "data-docs", "--batch", "code", "--out", "gates")
    one = next((folder / "gates" / "validations").rglob("*complexity*/**/*.html"))
    page.goto(one.as_uri(), wait_until="domcontentloaded")
    page.screenshot(path=target / "data-docs.png")


def draw_dagster(page: Page, folder: Path, target: Path) -> None:
    """Pictures of Dagster's pages: a round, a gate, the way from collected samples to a release."""
    with live(folder / "home") as ui:
        base = ui.url.removesuffix("/graphql")
        groups = f"{base}/locations/__repository__@evergrow.assets.definitions/asset-groups"
        page.set_viewport_size({"width": 1700, "height": 700})
        _drawn(page, f"{groups}/round_02/lineage", "collected", target / "round.png")
        _drawn(page, f"{groups}/dataset/lineage", "release", target / "dataset.png", WAY)
        page.set_viewport_size({"width": 1700, "height": 1080})
        gate = f"{base}/assets/evolution/round_02/complexity?view=checks&checkDetail=complexity_gate"
        _drawn(page, gate, "the judge tells children apart", target / "gate.png")


def _drawn(page: Page, url: str, shows: str, file: Path, part: FloatRect | None = None) -> None:
    page.goto(url)
    page.get_by_text(shows).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file, clip=part)


def main() -> None:
    """Grow, run, open, and write the pictures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", nargs="*", default=[*COMMANDS, *DRAWN], help="some of the commands, pages, dagster")
    given = parser.parse_args()
    target, endpoint = given.out.resolve(), FakeEndpoint()
    with tempfile.TemporaryDirectory() as name, browsing() as (page, _):
        folder = Path(name)
        os.environ |= {
            "EVERGROW_HOME": str(folder / "home"), "EVERGROW_CONFIG": str(folder / "evergrow.yaml"),
            "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "none", "TERM": "xterm-256color",
        }  # fmt: skip
        (folder / "evergrow.yaml").write_text(json.dumps(SETTINGS))
        functions(8).frame.select("content", id="seed_id").write_ndjson(folder / "code.jsonl")
        try:
            for arguments in GROWN:
                evergrow(folder, *arguments)
            page.set_viewport_size(SIZE)  # type: ignore[arg-type]
            for shown in [one for one in given.only if one not in DRAWN]:
                printed = evergrow(folder, *COMMANDS[shown])
                command = f"evergrow {' '.join(COMMANDS[shown])}"
                draw_terminal(page, command, printed, LINES.get(shown), target / f"{shown}.png")
            if "pages" in given.only:
                page.set_viewport_size({"width": 1300, "height": 760})
                draw_pages(page, folder, target)
            if "dagster" in given.only:
                draw_dagster(page, folder, target)
        finally:
            endpoint.kill()


if __name__ == "__main__":
    main()
