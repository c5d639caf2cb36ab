"""Small builders that the ledger's tests share."""

import time
from dataclasses import replace
from typing import Any

from evergrow.resources.ledger import Call

BASE = Call(
    call_id="key-0-0", request_key="key-0", slot=0, draw=0, turn=0, role="generator", model="model-1",
    endpoint="default", prompt_version="v1", request="{}", run_id="run-1", asset="asset-1", partition="p", batch="b",
    asked_at=0.0, answered_at=0.0, latency_s=0.5, attempts=1,
)  # fmt: skip


def reply(number: int = 0, **fields: Any) -> Call:
    """A row with a reply of its own."""
    given: dict[str, Any] = {
        "call_id": f"key-{number}-0", "request_key": f"key-{number}", "reply": '{"n": 1}', "tokens_in": 10,
        "tokens_out": 5, "usd": 0.25, "answered_at": time.time(), **fields,
    }  # fmt: skip
    return replace(BASE, **given)


def failure(number: int = 0, **fields: Any) -> Call:
    """A row of a request that was given up."""
    given: dict[str, Any] = {
        "call_id": f"key-{number}-0", "request_key": f"key-{number}", "error_class": "transient",
        "error_message": "HTTP 500", "answered_at": time.time(), **fields,
    }  # fmt: skip
    return replace(BASE, **given)
