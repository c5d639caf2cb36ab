"""The lines of a Batch API's files: requests as they are handed in, answers as they come back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evergrow.resources.ledger import SubmissionLine
from evergrow.resources.llm.faults import Fault, FaultClass, fault_of_response
from evergrow.resources.llm.reply import Completion, NotACompletion, read_completion

OK = 200
MOST_BODY = 16 * 2**20  # bytes of a line: what is longer is read in pieces, which are no JSON
CHAT_URL = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """A chat completion that came back: its body as JSON text, and what it says."""

    body: str
    completion: Completion


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back for the request `call_id`."""

    call_id: str
    what: AnsweredLine | Fault


def request_line(line: SubmissionLine, url: str) -> str:
    """A line of the file of requests; its body is, byte for byte, what a live request would send."""
    return f'{{"custom_id":{json.dumps(line.call_id)},"method":"POST","url":{json.dumps(url)},"body":{line.body}}}\n'


def read_file(path: Path) -> Iterator[Returned]:
    """What came back, line by line. A line that cannot be read names no request: its request counts as lost."""
    with path.open("rb") as file:
        while raw := file.readline(MOST_BODY):
            try:
                line: Any = json.loads(raw)
            except (ValueError, RecursionError):
                continue
            if isinstance(line, dict) and isinstance(line.get("custom_id"), str):
                yield Returned(line["custom_id"], _what(line.get("response"), line.get("error")))


def _what(response: object, error: object) -> AnsweredLine | Fault:
    if not isinstance(response, dict):
        return _unsent(error)
    status, body = response.get("status_code"), response.get("body")
    if status == OK:
        text = json.dumps(body, separators=(",", ":"))
        completion = read_completion(text)
        if isinstance(completion, NotACompletion):
            return Fault(FaultClass.TRANSIENT, completion.message, OK)
        return AnsweredLine(text, completion)
    if not isinstance(status, int):
        return _unsent(error)
    return fault_of_response(status, body if isinstance(body, str) else json.dumps(body), {})


def _unsent(error: object) -> Fault:
    """A request that got no answer at all, such as `batch_expired`."""
    fields = error if isinstance(error, dict) else {}
    code, message = str(fields.get("code") or "no answer"), str(fields.get("message") or "the batch says no more")
    return Fault(FaultClass.TRANSIENT, f"{code}: {message}"[:1000].replace("\x00", ""))
