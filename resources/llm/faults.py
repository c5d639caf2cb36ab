"""Why an attempt came to nothing, by classes that each have a rule of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from evergrow.methods.text.answers import storable

MESSAGE_CHARS = 1000


class EndpointError(Exception):
    """An endpoint that no request can use; the message names it, its URL, its key's variable, the model, the remedy.

    `refused`: it answered, and said no; otherwise nothing answers there.
    """

    def __init__(self, message: str, *, refused: bool = True) -> None:
        super().__init__(message)
        self.refused = refused


class FaultClass(StrEnum):
    """Classes of failed attempts.

    transient: the server or the way to it; tried again, bounded by attempts.
    limit: a rate limit; tried again when the server says so, bounded by the request's deadline.
    context, filtered, rejected: this request can never succeed as it is; not tried again.
    answers: the endpoint does not know this way of structured answers; tried again in a weaker one.
    endpoint: no request can succeed (key, model, quota, URL); ends the use of the endpoint.
    """

    TRANSIENT = "transient"
    LIMIT = "limit"
    CONTEXT = "context_too_long"
    FILTERED = "content_filter"
    REJECTED = "rejected"
    ANSWERS = "unsupported_answers"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed attempt. `maybe_billed`: the request was sent and its fate is unknown, so it may have been charged."""

    kind: FaultClass
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    maybe_billed: bool = False


TRANSIENT_STATUS = {408, 409, 421, 423, 425}
ENDPOINT_STATUS = {401, 402, 403, 404, 405, 407}
LIMIT_STATUS = {429, 498, 529}
QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too many tokens|prompt is too long|the available context",
    re.IGNORECASE,
)
_FILTER = re.compile(r"content.?filter|content.?policy|moderation|ResponsibleAIPolicyViolation", re.IGNORECASE)
_ANSWERS = re.compile(r"response_format|json.?schema|json_object|structured.?output|guided|grammar", re.IGNORECASE)


def fault_of_status(status: int, body: object, text: str, headers: Mapping[str, str]) -> Fault:
    """The fault that an HTTP answer of `status` means; `body` is its decoded `error` object, if it has one."""
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    code = f"{fields.get('code') or ''} {fields.get('type') or ''}"
    message = f"HTTP {status}: {str(fields.get('message') or text or 'no message').strip()}"[:MESSAGE_CHARS]
    kind = _kind(status, code, message)
    return Fault(kind, storable(message), status, retry_after(headers))


def _kind(status: int, code: str, message: str) -> FaultClass:
    """The class of an HTTP error: the first rule that fits."""
    words = f"{code} {message}"
    unsure = status in (500, 501) and _ANSWERS.search(words) is not None  # crashed on the schema
    rules = (
        (bool(QUOTA_CODES & set(code.split())), FaultClass.ENDPOINT),
        (status in LIMIT_STATUS, FaultClass.LIMIT),
        (status in TRANSIENT_STATUS or (status >= 500 and not unsure), FaultClass.TRANSIENT),
        (status in (400, 403, 422) and _FILTER.search(words) is not None, FaultClass.FILTERED),
        (status in ENDPOINT_STATUS, FaultClass.ENDPOINT),
        (status == 413 or _CONTEXT.search(words) is not None, FaultClass.CONTEXT),
        (_ANSWERS.search(words) is not None, FaultClass.ANSWERS),
    )
    return next((kind for fits, kind in rules if fits), FaultClass.REJECTED)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `retry-after` (seconds or a date)."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        value = headers["retry-after"]
        if value.replace(".", "", 1).isdigit():
            return float(value)
        stamp = parsedate_to_datetime(value).timestamp()
        sent = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else None
    except (ValueError, TypeError):
        return None
    return max(0.0, stamp - sent) if sent is not None else None
