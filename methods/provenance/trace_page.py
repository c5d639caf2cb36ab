"""The way of a row as one HTML file that needs nothing beside it, and in which every text stays text."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from evergrow.methods.provenance.steps import TraceStep, call_uses, outcome, spent
from evergrow.methods.text.visible import shown

_SHOWN_ELSEWHERE = {"content", "reason", "pivots", "path", "groups", "completions", "merged", "split_values", "draws"}


def trace_page(wanted: str, steps: Sequence[TraceStep], version: str) -> str:
    """The page for the row that was asked for as `wanted`; `version`: of evergrow."""
    return _template().render(
        wanted=wanted, steps=steps, outcome=outcome(steps), version=version, facts=_facts, pretty=_pretty,
        uses=call_uses(steps), spent=spent(steps),
    )  # fmt: skip


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")


def _facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The row's columns that have a value, as text; what the page shows in its own way is left out."""
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
        for name, value in row.items()
        if value is not None and value != [] and name not in _SHOWN_ELSEWHERE
    ]


def _pretty(text: str | None) -> str:
    """JSON with line breaks; anything else as it is."""
    try:
        return json.dumps(json.loads(text or ""), indent=1, ensure_ascii=False)
    except ValueError:
        return text or "(none came)"
