"""Samples as they are, for datasets: questions of every kind of task, and the seeds that hold them."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from evergrow.resources.seeds.source import Seeds

TASKS = {"sums": "maths", "quiz": "choice"}  # the setting answers.tasks: kinds of task by domain
# Of the first sum the fake endpoint's first draw is outvoted; of no two do the texts resemble each other.
SUMS = (
    "A baker sells rolls by the dozen and cakes by the slice. How much did she take on Tuesday?",
    "Two trains leave distant towns at noon. After how many minutes do they meet?",
    "A farmer plants onions in rows of equal length. How many onions are there?",
    "Nine friends share the rent of a mountain hut. What does each of them pay?",
    "A tank is filled by one pipe and emptied by another. When is it half full?",
    "The sides of a garden are measured in paces. What is its area in square metres?",
    "A lottery prints tickets from one upwards. Which share of them holds the digit seven?",
    "Some coins are worth ten pence and some fifty. How many of each are in the purse?",
)
PLAIN = (
    "Explain to a new neighbour how waste is sorted in this street.",
    "Draft a polite letter that declines an invitation to a wedding.",
    "Describe how a sundial tells the hour on a cloudless day.",
    "List what a hiker needs for three nights above the tree line.",
    "Summarise why medieval bridges often carried houses and shops.",
    "Advise a beginner who wants to tune an old violin at home.",
    "Tell a child what happens inside a thundercloud before lightning.",
    "Compare the taste of sourdough bread and of soda bread.",
)


def choices(count: int) -> list[str]:
    """Questions with three options each."""
    return [
        f"{text}\n(A) {2 * n + 3} of the {n + 2} boats\n(B) none but the {n + 7}th lamp\n(C) all before {n + 1} o'clock"
        for n, text in enumerate(PLAIN[:count])
    ]


def instructions(contents: Sequence[str], prefix: str = "q", **columns: Any) -> Seeds:
    """Instructions as seeds with the ids q0, q1, ..., and further columns: one value for all, or a list."""
    ids = [f"{prefix}{n}" for n in range(len(contents))]
    rows = {"id": ids, "seed_id": ids, "content": list(contents), "kind": "instruction", "source": "made:1"}
    return Seeds(pl.DataFrame(rows | columns))
