"""What the tests of Batch APIs share: a step that may have to wait, and a look at what was handed in."""

import asyncio
from collections.abc import Iterable
from typing import Any

from evergrow.resources.ledger import Ledger
from evergrow.resources.llm import Request
from evergrow.resources.llm.batch_api import AwaitingBatch
from evergrow.resources.llm.batch_api.polling import Look, poll
from evergrow.resources.settings import Settings
from tests.resources.llm.support import Asked, ask, question, requests, settings


def batch_settings(endpoint: dict[str, Any] | None = None, **overrides: Any) -> Settings:
    """Settings whose generator is asked through a Batch API."""
    role = {"mode": "batch", **overrides.pop("role", {})}
    return settings({"timeout_s": 2.0, **(endpoint or {})}, roles={"generator": role}, **overrides)


def step(
    chosen: Settings, ledger: Ledger, wanted: Iterable[Request] | int, parse: Any = question, **options: Any
) -> Asked | AwaitingBatch:
    """One run of a step that asks `wanted`, on an engine of its own; what it waits for, if it has to."""
    try:
        return ask(chosen, ledger, requests(wanted) if isinstance(wanted, int) else wanted, parse, **options)
    except AwaitingBatch as waiting:
        return waiting


def waits(chosen: Settings, ledger: Ledger, wanted: Iterable[Request] | int, **options: Any) -> AwaitingBatch:
    """A run of the step that has to wait."""
    found = step(chosen, ledger, wanted, **options)
    assert isinstance(found, AwaitingBatch), found
    return found


def goes_on(chosen: Settings, ledger: Ledger, wanted: Iterable[Request] | int, **options: Any) -> Asked:
    """A run of the step that comes to its end."""
    found = step(chosen, ledger, wanted, **options)
    assert isinstance(found, Asked), found
    return found


def look(chosen: Settings, ledger: Ledger) -> list[Look]:
    """One look at everything that is handed in."""
    return asyncio.run(poll(chosen, ledger))
