from collections.abc import Sequence

import polars as pl
import pytest

from evergrow.methods.answering.tasks import Task, task_of

DOMAINS: dict[str, Task] = {"gsm8k": "maths", "dialogues": "none"}


def tasks(
    rows: Sequence[tuple[str | None, str | None]], stated: dict[str, Task], domains: dict[str, Task]
) -> list[str]:
    frame = pl.DataFrame(rows, schema={"domain": pl.String, "kind": pl.String}, orient="row")
    return frame.select(task_of(stated, domains))["task"].to_list()


@pytest.mark.parametrize(
    ("domain", "kind", "task"),
    [
        ("gsm8k", None, "maths"),
        ("gsm8k", "code", "maths"),
        ("dialogues", None, "none"),
        ("dialogues", "instruction", "text"),
        ("code", "code", "code"),
        ("general", "instruction", "text"),
        (None, "code", "code"),
        (None, "instruction", "text"),
        (None, None, "text"),
        ("unheard of", None, "text"),
    ],
)
def test_the_domain_tells_the_task_and_else_the_kind_of_the_root(
    domain: str | None, kind: str | None, task: str
) -> None:
    assert tasks([(domain, kind)], {}, DOMAINS) == [task]


def test_what_the_settings_state_goes_before_all_else() -> None:
    rows = [("gsm8k", None), ("general", "instruction"), ("code", "code"), ("dialogues", None)]

    assert tasks(rows, {"gsm8k": "text", "general": "none", "dialogues": "text"}, DOMAINS) == [
        "text", "none", "code", "text"
    ]  # fmt: skip


def test_no_domain_need_be_known_and_no_row_there() -> None:
    assert tasks([("x", "code"), (None, None)], {}, {}) == ["code", "text"]
    assert tasks([], {}, DOMAINS) == []
