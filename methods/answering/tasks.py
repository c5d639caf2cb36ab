"""What kind of task a sample is, and so how it is asked, read and verified."""

from collections.abc import Mapping
from typing import Literal

import polars as pl

# none: the sample is complete in itself, such as a dialogue of which both turns were written.
Task = Literal["code", "maths", "choice", "text", "none"]


def task_of(stated: Mapping[str, Task], domains: Mapping[str, Task]) -> pl.Expr:
    """The column `task` (String, no nulls) of a frame with the columns `domain` and `kind`.

    In this order: what the settings state for the row's domain; the key `answer` of the domain's file; by the kind of
    the row's root, "code" for source code and programming tasks, "text" for anything else.

    Args:
        stated: the setting `answers.tasks`: a task by domain.
        domains: the key `answer` of domain files, by the domain's name.
            "none" counts for a tree's own samples only: what an evolution made of them is one text and needs an answer.

    The frame's `domain` is a String, null where unknown; its `kind` is that of the row's root, "code", "question" or
    "instruction"; null for a tree's own samples.
    """
    own = _looked_up(domains)
    evolved = pl.col("kind").is_not_null()
    by_kind = pl.when(pl.col("kind").is_in(["code", "question"])).then(pl.lit("code")).otherwise(pl.lit("text"))
    of_file = pl.when((own == "none") & evolved).then(pl.lit("text")).otherwise(own)
    return pl.coalesce(_looked_up(stated), of_file, by_kind).alias("task")


def _looked_up(tasks: Mapping[str, Task]) -> pl.Expr:
    return pl.col("domain").replace_strict(dict(tasks), default=None, return_dtype=pl.String)
