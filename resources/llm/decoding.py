"""From the bytes of an HTTP body to the JSON values in it: charset, junk before JSON, streams of events.

Nothing is ever replaced: a body that cannot be decoded is no body.
"""

import codecs
import json
import re
from functools import lru_cache
from typing import Any

from evergrow.methods.text.answers import excerpt

_MARKS = (  # UTF-32 before UTF-16, whose mark it begins with
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")  # what UTF-8 would read as something else
_NO_CHARSETS = ("undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "mbcs")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?::[^\n]*|//[^\n]*|#[^\n]*|\)\]\}'[^\n]*|/\*.*?\*/)(?:\n|$)", re.DOTALL)
_TITLE = re.compile(r"<title[^>]{0,200}>\s*(.{1,300}?)\s*</title", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h1[^>]{0,200}>\s*(.{1,300}?)\s*</h1", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,500}>")
DONE = "[DONE]"
MOST_DIGITS = 40
_FIRST_BYTES = tuple(mark for mark, _ in _MARKS)
JUNK = "\ufeff\x00 \t\r\n"
EVENTS = ("data:", "event:", "id:", "retry:")


class Undecodable(ValueError):  # noqa: N818 - it says what the body is
    """The body cannot be decoded; the message says as what."""


def decoded(body: bytes, content_type: str) -> str:
    """The text of `body`: by its byte-order mark, else UTF-8, else the charset that `content_type` names.

    Bytes that are UTF-8 are read as such even where a charset of single bytes is named: JSON has to be UTF-8, and what
    names it otherwise is a server's default.

    Raises:
        Undecodable: it is neither.
    """
    if body.startswith(_FIRST_BYTES):
        return _strictly(body, next(name for mark, name in _MARKS if body.startswith(mark)))
    named = _named(content_type)
    if named and named.startswith(_WIDE):
        return _strictly(body, named)
    if wide := _wide(body):
        return _strictly(body, wide)
    if named in (None, "utf-8"):
        return _strictly(body, "utf-8")
    try:
        return body.decode()
    except UnicodeDecodeError:
        return _strictly(body, str(named))


def _strictly(body: bytes, name: str) -> str:
    try:
        return body.decode(name)
    except (UnicodeError, LookupError) as error:
        raise Undecodable(f"the body is not {name}: {excerpt(str(error))}") from error


@lru_cache
def _named(content_type: str) -> str | None:
    """The charset that a content type names, if it is one of text."""
    found = _CHARSET.search(content_type)
    if found is None:
        return None
    try:
        codec = codecs.lookup(found[1])
    except (LookupError, ValueError):
        return None
    # What is no encoding of text, such as rot13 or zlib, is the server's joke.
    return codec.name if getattr(codec, "_is_text_encoding", False) and codec.name not in _NO_CHARSETS else None


def _wide(body: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, by where JSON's first characters, which are ASCII, have their zeros."""
    if 0 not in body[:4]:
        return None
    zeros = "".join("0" if byte == 0 else "x" for byte in body[:4])
    known = {
        "x000": "utf-32-le",
        "000x": "utf-32-be",
        "x0x0": "utf-16-le",
        "0x0x": "utf-16-be",
    }
    return known.get(zeros)


def values(text: str) -> list[Any]:
    """The JSON values that a body holds: one, or those of a stream of events or of lines.

    Comment lines, guards and control characters before it are passed over, JSON that is encoded twice is read twice.

    Raises:
        ValueError: it holds none, or ends early.
    """
    plain = text.strip(JUNK)
    if plain.startswith(EVENTS) or (plain.startswith(":") and "\ndata:" in plain):
        return _events(plain)
    while found := _COMMENT.match(plain):
        plain = plain[found.end() :].lstrip(JUNK)
        if plain.startswith(EVENTS):
            return _events(plain)
    try:
        return [_twice(_loads(plain))]
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" in plain:
            return [_loads(line) for line in plain.splitlines() if line.strip()]
        raise


def _loads(text: str) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _integer(digits: str) -> int | None:
    """An integer of usual length; one that only serves to overflow is none."""
    return int(digits) if len(digits) <= MOST_DIGITS else None


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)  # to make one costs as much as to read a reply


def _twice(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        return _loads(value)
    return value


def _events(text: str) -> list[Any]:
    """The data of server-sent events; the last is `DONE` where the server said that it had ended."""
    found: list[Any] = []
    for event in re.split(r"\r?\n\r?\n", text.replace("\r\n", "\n")):
        data = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        for part in ["\n".join(data)] if _whole("\n".join(data)) else data:
            if part.strip() == "[DONE]":
                found.append(DONE)
            elif part.strip():
                found.append(_loads(part))
    return found


def _whole(data: str) -> bool:
    try:
        _loads(data)
    except ValueError:
        return False
    return True


def page_title(text: str) -> str:
    """The title of an HTML page, else its first heading, else ""."""
    found = _TITLE.search(text) or _HEADING.search(text)
    return excerpt(_TAG.sub(" ", found[1]), 150) if found else ""


def is_page(text: str) -> bool:
    """Whether a body is HTML or XML."""
    return text.lstrip(JUNK)[:1] == "<"
