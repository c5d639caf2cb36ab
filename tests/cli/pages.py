"""Pages of docs/, tried: their commands one after the other, and where their links lead."""

import re
import shlex
from pathlib import Path

import polars as pl

from tests.cli.conftest import Evergrow
from tests.conftest import ROOT
from tests.platform import functions
from tests.test_readme import commands_of

DOCS = ROOT / "docs"


def text_of(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def do_as_told(page: str, evergrow: Evergrow, folder: Path, *before: str) -> None:
    """Do `before` on a file of four functions, then every command of the page; each has to end well."""
    ids = pl.Series("id", ["613993", "613994", "613995", "613996"])
    licences = pl.Series("license", ["MIT", "MIT", "MIT", "GPL-3.0"])
    functions(4).frame.select("content", ids, licences).write_ndjson(folder / "functions.jsonl")
    for command in (*before, *(line.removeprefix("evergrow ") for line in commands_of(text_of(page)))):
        said = evergrow(*shlex.split(command))
        assert said.code == 0, f"{command}\n{said.err}"


def astray(page: str) -> list[str]:
    """The links within the project that lead nowhere."""
    links = re.findall(r"\]\(([^)#:]+)\)", text_of(page))
    assert links
    return [link for link in links if not (DOCS / link).exists()]
