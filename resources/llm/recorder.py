"""What is written of each attempt: rows of the ledger with what they cost, and events for those who watch."""

from dataclasses import dataclass, replace
from uuid import uuid4

from evergrow.resources.ledger import LOST, Amount, Call
from evergrow.resources.llm.accounts import Accounts
from evergrow.resources.llm.capabilities import Capabilities
from evergrow.resources.llm.faults import Fault
from evergrow.resources.llm.job import Job
from evergrow.resources.llm.observer import Observer
from evergrow.resources.llm.reply import Reply
from evergrow.resources.llm.upstream import Server


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent: to whom, as what it takes, with which body, when (epoch seconds), what is set aside."""

    job: Job
    server: Server
    takes: Capabilities
    body: str
    asked_at: float
    held: Amount


class Recorder:
    """Settles attempts with the budget and makes their rows."""

    def __init__(self, accounts: Accounts, observer: Observer) -> None:
        self._accounts, self._observer = accounts, observer

    def reply(self, sent: Sent, reply: Reply) -> tuple[Call, Amount]:
        """The row of a reply, and what it cost."""
        call = self._accounts.reply_row(sent.job, sent.server, sent.body, sent.asked_at, reply)
        return call, self._accounts.settle_reply(sent.held, call)

    def fault(self, sent: Sent, fault: Fault) -> Call | None:
        """Settle a failed attempt; its row, at its worst case, if the provider may have charged it all the same."""
        self._accounts.settle_fault(sent.held, fault)
        self._observer.attempt_failed(sent.server.name, fault)
        if not fault.maybe_billed:
            return None
        row = self.failure(sent, fault)
        return replace(
            row,
            call_id=f"{row.call_id}-{LOST}-{uuid4().hex[:8]}",
            attempts=1,
            tokens_in=sent.job.size.prompt_bytes,
            tokens_out=sent.job.size.max_tokens,
            usd=sent.held.usd or None,
            error_class=LOST,
            error_message=f"counted at its worst case, for it may have been charged: {row.error_message}",
        )

    def failure(self, sent: Sent, fault: Fault) -> Call:
        """The row of a request that is given up."""
        return self._accounts.failure_row(sent.job, sent.server, sent.body, sent.asked_at, fault)

    def event(self, name: str, **fields: object) -> None:
        """Tell those who watch of a change of an endpoint's state."""
        self._observer.event(name, **fields)
