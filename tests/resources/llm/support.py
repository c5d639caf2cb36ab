"""Small builders that the engine's tests share."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Attribution, BudgetReached, EndpointError, Engine, Outcome, Request
from evergrow.resources.settings import Settings, load_settings

SCHEMA = {
    "title": "answer",
    "type": "object",
    "properties": {"question": {"type": "string"}, "score": {"type": "integer", "minimum": 1, "maximum": 10}},
    "required": ["question", "score"],
    "additionalProperties": False,
}
WHO = Attribution(run_id="run-1", asset="evolution/round_01/instructions", partition="batch-1", batch="batch-1")


def settings(endpoint: dict[str, Any] | None = None, **overrides: Any) -> Settings:
    """Settings whose default endpoint has the values of `endpoint`."""
    quick = {"timeout_s": 5.0, **(endpoint or {})}
    return load_settings({"model": "model-1", "endpoints": {"default": quick}, **overrides})


def requests(count: int, **fields: Any) -> Iterable[Request]:
    """`count` requests with different prompts."""
    given = {"role": "generator", "system": "You write tasks.", "schema": SCHEMA, **fields}
    return (Request(key=f"row-{i}", user=f"Write task number {i}.", **given) for i in range(count))


def question(answer: Any) -> str:
    """The parser of these tests: the answer's question."""
    if not isinstance(answer, dict) or not isinstance(answer.get("question"), str):
        raise ValueError("there is no question")  # noqa: TRY004 - what the engine takes for an invalid answer
    return str(answer["question"])


class Asked:
    """What came of one pass: outcomes, the error that ended it, the engine's summary."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome[str]] = []
        self.error: EndpointError | BudgetReached | None = None
        self.summary: dict[str, Any] = {}

    def of(self, kind: type) -> list[Any]:
        """The outcomes of one kind."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, kind)]


async def ask_async(
    chosen: Settings, ledger: Ledger, wanted: Iterable[Request], parse: Any = question, **options: Any
) -> Asked:
    """Ask `wanted` through an engine of its own."""
    asked = Asked()
    who = options.pop("who", WHO)
    progress = LogProgress(logging.getLogger("tests"))
    async with Engine.open(chosen, ledger, who, progress, **options) as engine:
        try:
            async for outcome in engine.ask(wanted, parse, label="test", total=1):
                asked.outcomes.append(outcome)
        except (EndpointError, BudgetReached) as error:
            asked.error = error
        asked.summary = engine.summary()
    return asked


def ask(chosen: Settings, ledger: Ledger, wanted: Iterable[Request], parse: Any = question, **options: Any) -> Asked:
    """`ask_async` in an event loop of its own."""
    return asyncio.run(ask_async(chosen, ledger, wanted, parse, **options))


def ledger_at(folder: Path) -> Ledger:
    """A SQLite ledger in `folder`."""
    return Ledger.open(f"sqlite:///{folder / 'ledger.sqlite'}")
