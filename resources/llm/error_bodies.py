"""The words of an error, out of the bodies that servers and gateways write them in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evergrow.methods.text.answers import excerpt
from evergrow.resources.llm.decoding import JUNK, is_page, page_title, values

PLAIN_CHARS = 200  # of a body that is neither JSON nor a page
MOST_PARTS = 5
DEPTH = 8
_WORDS = (
    *(
        "error",
        "errors",
        "detail",
        "details",
        "message",
        "Message",
        "msg",
        "error_message",
        "errorMessage",
        "error_msg",
    ),
    *("error_description", "errmsg", "fault", "faultstring", "reason", "description", "title", "raw", "body", "cause"),
)
_CODES = ("code", "type", "status", "__type", "error_type", "Code", "errorCode", "error_code")
_EMPTY = re.compile(
    r"provider returned error|bad request|unknown error|error|upstream error|invalid_request_error", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Said:
    """What an error says: its words, its codes (separated by blanks), and the parameter that it names as its own."""

    words: str
    codes: str = ""
    parameter: str = ""


def said(body: str) -> Said:
    """What the error in the HTTP body `body` says: its words, else a page's title, else how it begins."""
    plain = body.strip(JUNK)
    if is_page(plain):
        return Said(page_title(plain) or excerpt(re.sub(r"<[^<>]{0,500}>", " ", plain), PLAIN_CHARS))
    try:
        found = values(plain)
    except (ValueError, RecursionError):
        return Said(excerpt(plain, PLAIN_CHARS))
    reading = _Reading()
    words = reading.words(found[0] if len(found) == 1 else found, 0)
    return Said(words or excerpt(plain, PLAIN_CHARS), " ".join(dict.fromkeys(reading.codes)), reading.parameter)


class _Reading:
    """One pass over an error's value, which keeps its codes on the way."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.parameter = ""

    def words(self, value: object, depth: int) -> str:
        """The words in `value`; "" if there are none."""
        if depth > DEPTH:
            return ""
        if isinstance(value, str):
            return self._nested(value, depth)
        if isinstance(value, list):
            parts = [words for part in value[:MOST_PARTS] if (words := self.words(part, depth + 1))]
            return "; ".join(dict.fromkeys(parts))
        return self._fields(value, depth) if isinstance(value, dict) else ""

    def _nested(self, text: str, depth: int) -> str:
        """A text that is JSON once more is read as such, also behind a prefix such as `400: {...}`."""
        start = text.find("{")
        if start >= 0:
            try:
                inner = self.words(json.loads(text[start:]), depth + 1)
            except (ValueError, RecursionError):
                inner = ""
            if inner:
                before = text[:start].strip(" :-")
                return f"{before}: {inner}" if before else inner
        return " ".join(text.split())

    def _fields(self, fields: Mapping[str, Any], depth: int) -> str:
        for name in _CODES:
            if isinstance(code := fields.get(name), str | int) and not isinstance(code, bool):
                self.codes.append(str(code))
        if isinstance(param := fields.get("param"), str):
            self.parameter = self.parameter or param
        if isinstance(fields.get("loc"), list):
            place = ".".join(str(part) for part in fields["loc"])
            return f"{place}: {self.words(fields.get('msg'), depth + 1)}"
        metadata = fields.get("metadata")
        raw = self.words(metadata.get("raw"), depth + 1) if isinstance(metadata, dict) else ""
        found = next((words for name in _WORDS if (words := self.words(fields.get(name), depth + 1))), "")
        # What a gateway itself says is often only that there is an error.
        if raw and (not found or _EMPTY.fullmatch(found.strip(" .:"))):
            return raw
        return f"{found}: {raw}" if raw and raw not in found else found
