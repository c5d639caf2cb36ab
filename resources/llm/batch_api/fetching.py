"""Fetches what an ended batch has left: answers and failures become rows of the ledger, then its lines are settled."""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evergrow.resources.ledger import Call, Ledger, Settled, State, Submission, SubmissionLine
from evergrow.resources.llm import prices
from evergrow.resources.llm.batch_api.lines import AnsweredLine, Returned, read_file
from evergrow.resources.llm.batch_api.service import Service
from evergrow.resources.llm.capabilities import MODES, capabilities_of
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.settings import Settings

GROUP = 500
LEFT = {
    "completed": "lost: the batch is complete, but says nothing of this request",
    "expired": "expired: the batch's day was over before this request was answered",
    "cancelled": "cancelled: the batch was cancelled before this request was answered",
    "failed": "the batch failed",
}


async def fetch(settings: Settings, ledger: Ledger, service: Service, submission: Submission) -> Fault | None:
    """Write everything that `submission` has left to the ledger; a fault if a file cannot be had now."""
    with TemporaryDirectory(prefix="evergrow-") as folder:
        files = []
        for name, file_id in (("output", submission.output_file_id), ("error", submission.error_file_id)):
            if file_id:
                files.append(Path(folder) / f"{name}.jsonl")
                fault = await service.download(file_id, files[-1])
                if fault is not None:
                    return fault
        await asyncio.to_thread(_take, settings, ledger, service, submission, files)
    return None


def _take(settings: Settings, ledger: Ledger, service: Service, submission: Submission, files: list[Path]) -> None:
    clerk = _Clerk(settings, ledger, service, submission)
    for path in files:
        for group in _groups(read_file(path)):
            clerk.write(group)
    clerk.write_left()
    ledger.submissions.change(submission.submission_id, state=State.FETCHED)


def _groups(returned: Iterable[Returned]) -> Iterator[list[Returned]]:
    iterator = iter(returned)
    while group := list(islice(iterator, GROUP)):
        yield group


class _Clerk:
    """Writes what came back for one submission."""

    def __init__(self, settings: Settings, ledger: Ledger, service: Service, submission: Submission) -> None:
        self._ledger, self._service, self._submission = ledger, service, submission
        self._learned = False
        self._price = prices.offline(prices.price_of(settings, submission.model))

    def write(self, group: list[Returned]) -> None:
        """Write a group. What names no open line of the submission is passed over: it was written, or is not ours."""
        lines = self._ledger.submissions.open_lines(
            self._submission.submission_id, [returned.call_id for returned in group]
        )
        first = {returned.call_id: returned.what for returned in reversed(group)}
        self._settle([(line, first[call_id]) for call_id, line in lines.items()])

    def write_left(self) -> None:
        """Write as failed what nothing came back for."""
        submission = self._submission
        message = LEFT.get(submission.status or "", LEFT["failed"])
        fault = Fault(FaultClass.TRANSIENT, f"{message}: {submission.reason}" if submission.reason else message)
        for page in self._ledger.submissions.pages(submission.submission_id):
            self._settle([(line, fault) for line in page])

    def _settle(self, came: list[tuple[SubmissionLine, AnsweredLine | Fault]]) -> None:
        if not came:
            return
        self._ledger.record([self._row(line, what) for line, what in came])
        settled = []
        for line, what in came:
            if isinstance(what, Fault):
                self._learn(line, what)
                settled.append(Settled(line.call_id, what.kind.value, what.message))
            else:
                settled.append(Settled(line.call_id))
        self._ledger.submissions.settle(self._submission.submission_id, settled)

    def _learn(self, line: SubmissionLine, fault: Fault) -> None:
        """What the endpoint does not take of a request is not sent again."""
        client, model = self._service.client, self._submission.model
        if self._learned or fault.kind not in (FaultClass.ANSWERS, FaultClass.PARAMETER):
            return
        self._learned = True
        takes = capabilities_of(client.endpoint, self._ledger.capabilities(client.base_url, model))
        if takes.mode in line.body or takes.mode == MODES[-1]:  # else the next pass asks otherwise already
            left = takes.without(fault, fixed_mode=client.endpoint.answers != "auto")
            if left is not None:
                self._ledger.remember_capabilities(client.base_url, model, left.text())

    def _row(self, line: SubmissionLine, what: AnsweredLine | Fault) -> Call:
        submission = self._submission
        return Call(
            call_id=line.call_id,
            request_key=line.request_key,
            slot=line.slot,
            draw=line.draw,
            turn=line.turn,
            role=submission.role,
            model=submission.model,
            endpoint=submission.endpoint,
            base_url=self._service.client.base_url,
            prompt_version=line.prompt_version,
            request=line.body,
            run_id=submission.run_id,
            asset=submission.asset,
            partition=submission.partition,
            batch=submission.batch,
            asked_at=submission.submitted_at or submission.created_at,
            answered_at=submission.finished_at or 0.0,
            latency_s=0.0,  # not known: the batch's whole time would spoil every forecast
            attempts=1,
            **(self._replied(what) if isinstance(what, AnsweredLine) else _failed(what)),
        )

    def _replied(self, answer: AnsweredLine) -> dict[str, Any]:
        said = answer.completion
        return {
            "model_returned": said.model,
            "reply": answer.body,
            "finish_reason": said.finish_reason,
            "tokens_in": said.tokens_in,
            "tokens_cached": said.tokens_cached,
            "tokens_out": said.tokens_out,
            "tokens_thought": said.tokens_thought,
            "price_version": prices.version(self._price),
            "usd": prices.cost(self._price, said.tokens_in, said.tokens_cached, said.tokens_out),
            "error_class": None if said.refusal is None else "refused",
            "error_message": said.refusal,
        }


def _failed(fault: Fault) -> dict[str, Any]:
    return {"error_class": fault.kind.value, "error_message": fault.message}
