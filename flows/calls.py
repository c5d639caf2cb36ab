"""Requests and replies of the ledger, as sent and as they came, with what helps where there was no answer."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from evergrow.resources.ledger import LOST, Call, Ledger
from evergrow.resources.llm import remedies
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.llm.reply import Completion, read_completion
from evergrow.resources.settings import Settings
from evergrow.resources.settings.endpoints import Endpoint

_STATUS = re.compile(r"HTTP (\d{3})")


class UnknownCall(Exception):  # noqa: N818 - it says what is asked for
    """The ledger has no such call; the message says how to find those that it has."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A call: its row, what its reply says (None where none came), and what helps ("" if nothing is to be done)."""

    call: Call
    said: Completion | None
    remedy: str


def shown(settings: Settings, call: Call) -> Shown:
    """`call` as today's reader understands it."""
    said = read_completion(call.reply) if call.reply is not None else None
    return Shown(call, said if isinstance(said, Completion) else None, remedy_of(settings, call))


def one_call(settings: Settings, ledger: Ledger, call_id: str) -> Shown:
    """The call of that id.

    Raises:
        UnknownCall: there is none.
    """
    call = ledger.call(call_id)
    if call is None:
        raise UnknownCall(f"the ledger has no call {call_id!r}: `evergrow calls` lists the latest ones")
    return shown(settings, call)


def call_table(settings: Settings, calls: list[Call]) -> pl.DataFrame:
    """One row a call, latest first: when, for what, of whom, what became of it, and what helps."""
    rows = [
        {
            "call": call.call_id,
            "answered": datetime.fromtimestamp(call.answered_at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "batch": call.batch,
            "asset": call.asset,
            "role": call.role,
            "model": call.model,
            "endpoint": call.endpoint,
            "url": call.base_url,
            "tokens_in": call.tokens_in,
            "tokens_out": call.tokens_out,
            "class": call.error_class or "answered",
            "cause": call.error_message,
            "remedy": remedy_of(settings, call) or None,
        }
        for call in calls
    ]
    counts = dict.fromkeys(("tokens_in", "tokens_out"), pl.Int64)
    names = ("call", "answered", "batch", "asset", "role", "model", "endpoint", "url")
    schema = {**dict.fromkeys(names, pl.String), **counts, **dict.fromkeys(("class", "cause", "remedy"), pl.String)}
    return pl.DataFrame(rows, schema=schema)


def remedy_of(settings: Settings, call: Call) -> str:
    """What helps against what became of `call`, under today's settings; "" where nothing is to be done."""
    if call.error_class in (None, "refused", LOST):
        return ""
    if call.error_class == "invalid":
        return remedies.invalid(call.error_message or "", call.endpoint, call.role)
    if call.error_class not in set(FaultClass):
        return ""
    status = _STATUS.search(call.error_message or "")
    fault = Fault(FaultClass(call.error_class), call.error_message or "", int(status[1]) if status else None)
    endpoint = settings.endpoints.get(call.endpoint) or Endpoint()
    return remedies.remedy(fault, call.endpoint, endpoint, call.role)
