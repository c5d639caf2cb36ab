"""Rows and facts of releases, for tests."""

from typing import Any

import polars as pl

from evergrow.resources.releases.facts import Benchmarks, Facts

TRICKY = (
    "plain",
    "two\nlines\r\nand a return\rby itself",
    "quotes \" and ' and \\ and \\n and \\u0041 and a lone backslash at the end \\",
    "emoji 👩‍🔬, 日本語, e\u0301, \ufeff and \u200b",
    "line ends of others: \u2028 \u2029 \u0085 \x0b \x0c \x1e",
    "nul \x00 and bell \x07 and escape \x1b[31m",
    "---\ntitle: no front matter\n---\n# no heading",
    "```python\nprint('fence')\n```\n````\n~~~",
    "<script>alert(1)</script> {{ messages }} {% for %} %s {0}",
    "2024-01-01 00:00:00",
    '{"json": [1, null]}',
    "null",
    "  blanks around  ",
    "x" * 100_000,
)
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "batch", "root_id", "parent_id", "domain", "task"), pl.String),
    "round": pl.Int64,
    **dict.fromkeys(("content", "response", "final_answer"), pl.String),
    **dict.fromkeys(("complexity", "diversity", "value"), pl.Float64),
    **dict.fromkeys(("generator_model", "judge_model", "responder_model", "prompt_version", "call_id"), pl.String),
    "draws": pl.List(pl.String),
    "verdict": pl.String,
    **dict.fromkeys(("tree", "leaf_id"), pl.String),
    "attributes": pl.List(pl.Struct({"dimension": pl.String, "value": pl.String})),
    **dict.fromkeys(("license", "split"), pl.String),
}
FUNNEL = pl.DataFrame(
    {
        "stage": ["round_01", "<b>clean</b>"],
        "requested": [30, 20],
        "answered": [28, 20],
        "failed": [2, 0],
        "rejected": [8, 5],
        "reasons": ["too_easy 8", "duplicate 5"],
        "accepted": [20, 15],
    }
)
MODELS = pl.DataFrame({"model": ["m-2026-01-01", "local|m"], "calls": [10, 5], "usd": [0.25, None]})


def row(number: int, **told: Any) -> dict[str, Any]:
    """An evolved sample with an answer, in the training split."""
    sample = {
        "id": f"s{number}_0",
        "batch": "b",
        "root_id": f"s{number}",
        "parent_id": f"s{number}",
        "domain": "python",
        "task": "text",
        "round": 1,
        "content": f"Do {number}",
        "response": f"Done {number}",
        "complexity": float(number % 10 + 1),
        "diversity": 0.1 * (number % 10),
        "value": 5.0,
        "generator_model": "m",
        "judge_model": "j",
        "verdict": "pass",
        "license": "MIT",
        "split": "train",
    }
    return {name: (sample | told).get(name) for name in SCHEMA}


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows as the table `dataset/release`."""
    return pl.DataFrame(rows, schema=SCHEMA)


def facts(**told: Any) -> Facts:
    """Facts of a small release."""
    known: dict[str, Any] = {
        "name": "small",
        "date": "2026-11-22",
        "batches": ("b",),
        "recipe": {"evolution.beam": 0.75, "model": None},
        "models": MODELS,
        "prompts": {"generator": "abc123"},
        "funnel": FUNNEL,
        "benchmarks": Benchmarks(pl.DataFrame({"benchmark": ["humaneval"], "items": [164], "sha256": ["ab" * 32]})),
        "lake": {"dataset/clean b": "0123456789abcdef"},
        "code_version": "0.1.0",
    }
    return Facts(**(known | told))
