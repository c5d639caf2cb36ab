"""Reading what a model answered: JSON amid prose, scores in many spellings. Nothing is ever evaluated.

Every function takes time linear in the length of the text, whatever the text is: a fixed number of passes, each of
which looks at a character at most once.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_FAILED_STARTS = 12
EXCERPT_CHARS = 80

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_SMART_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"'})
_NUMBER = r"(?<![\d.,\w-])(-?\d{1,6}(?:\.\d{1,9})?)(?![\d\w]|[.,]\d)"
_OUT_OF = re.compile(_NUMBER + r"\s{0,3}(?:/|out of|of)\s{0,3}(\d{1,6})(?![\d\w]|[.,]\d)", re.IGNORECASE)
_LABELLED = re.compile(r"\b(?:score|rating|complexity)\b[\"'\s]{0,3}(?:[:=]|is)\s{0,3}" + _NUMBER, re.IGNORECASE)
_ANY = re.compile(_NUMBER)


def read_json(text: str) -> object:
    """The JSON value that `text` holds: alone, in a code fence, or between other words.

    Of several objects or arrays the longest counts. Typographic quotes, bold marks and trailing commas are forgiven
    when nothing can be read without; an answer that ends in the middle of its JSON is not completed. Characters that
    cannot be stored are replaced (see `storable`).

    Raises:
        ValueError: no JSON object or array can be read; the message quotes how the text begins.
    """
    found = _found(text.strip().removeprefix("\ufeff"))
    if found is None:
        raise ValueError(f"no JSON object or array in the answer, which begins {excerpt(text)!r}")
    try:
        # JSON can spell characters that no text may have; looking for them is only worth while where it spells any.
        return _storable(found.value) if "\\u" in text or _UNSTORABLE.search(text) else found.value
    except RecursionError:
        raise ValueError(f"the answer's JSON is nested too deeply; it begins {excerpt(text)!r}") from None


def read_score(value: object, low: float = 1.0, high: float = 10.0) -> float:
    """The score that `value` states, in [low, high]: a number, or text such as `7`, `7/10`, `**7**` or `score: 7`.

    Raises:
        ValueError: no score, several, one out of range, or one on another scale than up to `high`.
    """
    if isinstance(value, str):
        score = _stated(value, high)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        score = float(value)
    else:
        raise ValueError(f"the score is no number: {excerpt(str(value))!r}")  # noqa: TRY004 - an invalid answer, not a bug
    if not math.isfinite(score) or not low <= score <= high:
        raise ValueError(f"the score {score:g} is not from {low:g} to {high:g}")
    return score


def storable(text: str) -> str:
    """`text` without what UTF-8 files and databases cannot hold: lone surrogates and NUL become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def excerpt(text: str, length: int = EXCERPT_CHARS) -> str:
    """The beginning of `text` on one line, for a message."""
    flat = " ".join(storable(text[: 4 * length]).split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(strict=False, parse_constant=_reject_constant)


@dataclass(frozen=True, slots=True)
class _Found:
    value: object


def _found(text: str) -> _Found | None:
    try:
        return _Found(_DECODER.decode(text))
    except (ValueError, RecursionError):
        pass  # not JSON as it stands: look inside
    readings = (_longest(candidate) for candidate in _readings(text))
    return next((_Found(value) for value in readings if value is not None), None)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, dict):
        return {storable(name): _storable(part) for name, part in value.items()}
    return value


def _readings(text: str) -> Iterator[str]:
    """The texts to look into, the most faithful first."""
    yield text
    forgiving = _TRAILING_COMMA.sub(r"\1", text.replace("**", ""))
    yield forgiving
    yield _TRAILING_COMMA.sub(r"\1", _FENCE.sub("", forgiving).translate(_SMART_QUOTES))


def _longest(text: str) -> object | None:
    """The longest object or array in `text`; at most `MAX_FAILED_STARTS` brackets that begin none are tried."""
    best, best_length, failures = None, 0, 0
    starts = re.finditer(r"[{\[]", text)
    resume_at = 0
    for start in starts:
        if start.start() < resume_at:
            continue
        try:
            found, end = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            failures += 1
            if failures == MAX_FAILED_STARTS:
                break
            continue
        resume_at = end
        if end - start.start() > best_length:
            best, best_length = found, end - start.start()
    return best


def _stated(text: str, high: float) -> float:
    plain = text.replace("*", " ").replace("`", " ").replace("_", " ")
    if scaled := _OUT_OF.findall(plain):
        stated = {(float(score), float(scale)) for score, scale in scaled}
        if len(stated) > 1 or any(scale != high for _, scale in stated):
            raise ValueError(f"the score is not one number out of {high:g}: {excerpt(text)!r}")
        return stated.pop()[0]
    found = {float(score) for score in _LABELLED.findall(plain) or _ANY.findall(plain)}
    if len(found) != 1:
        raise ValueError(f"{'no' if not found else 'more than one'} score in {excerpt(text)!r}")
    return found.pop()
