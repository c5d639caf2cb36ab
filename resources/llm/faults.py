"""Why an attempt came to nothing, by classes that each have a rule of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from evergrow.methods.text.answers import excerpt, storable
from evergrow.resources.llm.error_bodies import Said, said

MESSAGE_CHARS = 1000
NO_ANSWER = "no answer within"  # how the message of an attempt begins that ran out of its time


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
    parameter: it does not take a parameter, a role of messages or a reply in one piece; tried again without.
    endpoint: no request can succeed (key, model, quota, URL); ends the use of the endpoint.
    """

    TRANSIENT = "transient"
    LIMIT = "limit"
    CONTEXT = "context_too_long"
    FILTERED = "content_filter"
    REJECTED = "rejected"
    ANSWERS = "unsupported_answers"
    PARAMETER = "unsupported_parameter"
    ENDPOINT = "endpoint"


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed attempt.

    maybe_billed: the request was sent and its fate is unknown, so it may have been charged.
    about: what of the request is not taken, where the fault says so: a parameter, "system", "stream" or a keyword.
    """

    kind: FaultClass
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    maybe_billed: bool = False
    about: str = ""


TRANSIENT_STATUS = {408, 409, 421, 423, 425}
ENDPOINT_STATUS = {401, 402, 403, 404, 405, 407}
LIMIT_STATUS = {429, 498, 529}
UNSUITED = (400, 404, 405, 422, 500, 501)  # with these a server says that it does not know what it was sent
QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
_QUOTA = re.compile(
    r"quota.{0,40}(day|daily|month|exhausted|used up)|(per|a)[ -]day|daily.{0,20}(limit|quota)|insufficient.{0,10}"
    r"(balance|credit|funds|quota)|\b(tpd|rpd)\b|exceeded your current quota|out of credits",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(api|access|auth)[ _-]?(key|token).{0,30}(invalid|not valid|incorrect|expired|missing|required)|"
    r"(invalid|incorrect|missing|expired|no).{0,12}(api|access|auth)[ _-]?(key|token)|unauthori[sz]ed",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"\bmodel\b.{0,80}(not found|does not exist|doesn't exist|not exist|unknown|not available|not loaded|"
    r"is not a valid)|(unknown|no such|invalid|unsupported|not a valid) model\b|model_not_found|not a valid model",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context.{0,20}(length|window|size)|maximum context|too many (input )?tokens|(prompt|input)s? (is|are) too long|"
    r"the available context|`?inputs`? tokens|(input|prompt) (token|length).{0,60}(exceed|longer|greater|too)|"
    r"(exceed|longer than|greater than).{0,40}(max_model_len|n_ctx|context|maximum (input|sequence))|n_ctx|"
    r"reduce the length|input length|max_seq_len|string_above_max_length|maximum (allowed )?(input|prompt) ",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content.?(filter|policy|management|moderation)|moderation|ResponsibleAIPolicyViolation|safety (system|polic|"
    r"filter|setting)|flagged|data_inspection_failed|inappropriate content|prohibited.?content|usage polic",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    r"response_?format|json.?schema|json_object|structured.?output|guided|grammar|response_?schema|response_?mime|"
    r"output_config|outlines|xgrammar|lm-?format",
    re.IGNORECASE,
)
_KEYWORD = re.compile(
    r"\b(minItems|maxItems|minimum|maximum|minLength|maxLength|pattern|uniqueItems|additionalProperties|const|title|strict|"
    r"exclusiveMinimum|exclusiveMaximum|multipleOf|format|default)\b['\"`]?(?! (?:is|was) (?:set|required))"
)
_NOT_TAKEN = (
    r"not supported|unsupported|not support|unknown|unrecogni[sz]ed|extraneous|extra (?:inputs?|fields?)|not permitted|"
    r"not allowed|unexpected|deprecated|cannot be (?:used|specified)|additional propert|cannot find field|"
    r"not available|instead|no longer|only the default|invalid (?:parameter|argument|field)|does not accept|can only be"
)
_PARAMETERS = ("max_completion_tokens", "max_tokens", "temperature", "seed", "stream_options", "encoding_format")
_REFUSED = re.compile(_NOT_TAKEN, re.IGNORECASE)
_SYSTEM = re.compile(
    r"system (role|messages?|prompts?|instructions?).{0,30}not|not support.{0,20}system|roles must alternate|"
    r"developer instruction|(unsupported|invalid|unknown|unexpected) (message )?role|role.{0,12}['\"`]?system|"
    r"only (support )?(the )?user and assistant",
    re.IGNORECASE,
)
_STREAM = re.compile(
    r"only supports? (the )?stream|stream(ing)? (mode )?(is )?(required|only)|stream.{0,20}(must|should|needs? to) be "
    r"(set to )?(true|enabled)|non-?streaming.{0,30}not|enable the stream|use stream(ing)?\b|stream=false",
    re.IGNORECASE,
)


def fault_of_response(status: int, text: str, headers: Mapping[str, str]) -> Fault:
    """The fault that an HTTP answer of `status` with the body `text` means, by the words in it."""
    found = said(text)
    message = f"HTTP {status}: {found.words or 'no message'}"
    words = f"{found.codes} {found.words}"
    kind, about = _kind(status, found, words)
    return Fault(kind, storable(excerpt(message, MESSAGE_CHARS)), status, retry_after(headers), about=about)


def _kind(status: int, found: Said, words: str) -> tuple[FaultClass, str]:
    """The class of an HTTP error, and what of the request it is about: the first rule that fits."""
    about = _about(status, found, words)
    unsure = status in (500, 501) and (about or _ANSWERS.search(words) is not None)  # crashed on what it does not know
    answers = status not in LIMIT_STATUS and _ANSWERS.search(words) is not None
    rules = (
        (bool(QUOTA_CODES & set(found.codes.split())), FaultClass.ENDPOINT),
        (status in (403, *LIMIT_STATUS) and _QUOTA.search(words) is not None, FaultClass.ENDPOINT),
        (status in LIMIT_STATUS, FaultClass.LIMIT),
        (status in TRANSIENT_STATUS or (status >= 500 and not unsure), FaultClass.TRANSIENT),
        (status in (400, 403, 422, 451) and _FILTER.search(words) is not None, FaultClass.FILTERED),
        (status == 413, FaultClass.CONTEXT),
        (status in UNSUITED and about in (*_PARAMETERS, "system", "stream"), FaultClass.PARAMETER),
        (status in (400, 404, 405, 422, 500, 501) and answers, FaultClass.ANSWERS),
        (status in ENDPOINT_STATUS, FaultClass.ENDPOINT),
        (_CONTEXT.search(words) is not None, FaultClass.CONTEXT),
        (_KEY.search(words) is not None or _MODEL.search(words) is not None, FaultClass.ENDPOINT),
    )
    return next(((kind, about) for fits, kind in rules if fits), (FaultClass.REJECTED, about))


def _about(status: int, found: Said, words: str) -> str:
    """What of the request is not taken; "" if the words name nothing of it."""
    if status not in UNSUITED:
        return ""
    if _STREAM.search(words):
        return "stream"
    answers = _ANSWERS.search(words)
    if answers and (keyword := _KEYWORD.search(found.words)):
        return keyword[1]
    if answers or not _REFUSED.search(words):
        return "system" if not answers and _SYSTEM.search(words) else ""
    named = [name for name in _PARAMETERS if re.search(rf"\b{name}\b", f"{found.parameter} {found.words}")]
    if named:  # "use max_completion_tokens instead of max_tokens" names both: the first in the text is refused
        return found.parameter if found.parameter in named else min(named, key=lambda n: _first(n, found.words))
    return "system" if _SYSTEM.search(words) else ""


def _first(name: str, words: str) -> int:
    place = re.search(rf"\b{name}\b", words)
    return place.start() if place else len(words)


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
