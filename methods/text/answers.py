"""Reading what a model answered: JSON amid prose, scores in many spellings. Nothing is ever evaluated.

Every function takes time linear in the length of the text, whatever the text is: a fixed number of passes.
"""

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass

PASSES, LEAST_WORK = 16, 100_000  # how far one text may be searched: times its length, and characters
EXCERPT_CHARS = 80
HUGE = 10**9  # a whole number beyond this is no score, whatever the scale

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_SMART_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"'})
_NUMBER = r"(?<![\d.,\w-])(-?\d{1,6}(?:\.\d{1,9})?)(?![\d\w]|[.,]\d)"
_OUT_OF = re.compile(_NUMBER + r"\s{0,3}(?:/|out of|of)\s{0,3}(\d{1,6})(?![\d\w]|[.,]\d)", re.IGNORECASE)
_LABELLED = re.compile(r"\b(?:score|rating|complexity)\b[\"'\s]{0,3}(?:[:=]|is)\s{0,3}" + _NUMBER, re.IGNORECASE)
_ANY = re.compile(_NUMBER)
_BEGUN = re.compile(r'\{\s*"[^"\\]{0,200}"\s*:')
_START = re.compile(r'\{(?=\s*["}])|\[(?=\s*[\[\]{"tfnNI\d-])')
_MOST = 2
_DECODER = json.JSONDecoder(strict=False)  # to make one costs as much as to read an answer


def read_json(text: str) -> object:
    """The JSON value that `text` holds: alone, in a code fence, or between other words.

    Of several the last object that holds anything counts: models quote before they answer. Arrays count where there
    is no such object, empty brackets where there is nothing else. Typographic quotes, bold marks and trailing commas
    are forgiven in what cannot be read without. An answer that ends in the middle of its last JSON is not read at all,
    neither that part nor what it quotes before. Characters that cannot be stored are replaced (see `storable`).

    Raises:
        ValueError: no JSON object or array can be read; the message quotes how the text begins.
    """
    found = _found(text.strip().removeprefix("\ufeff"))
    if found is None:
        raise ValueError(f"no JSON object or array in the answer, which begins {excerpt(text)!r}")
    try:
        # JSON can spell characters that no text may have; looking for them is only worth while where it spells any.
        return _storable(found.value) if "\\u" in text or _unstorable(text) else found.value
    except RecursionError:
        raise ValueError(f"the answer's JSON is nested too deeply; it begins {excerpt(text)!r}") from None


def read_score(value: object, low: float = 1.0, high: float = 10.0) -> float:
    """The score that `value` states, in [low, high]: a number, or text such as `7`, `7/10`, `**7**` or `score: 7`.

    Raises:
        ValueError: no score, several, one out of range, or one on another scale than up to `high`.
    """
    if isinstance(value, str):
        score = _stated(value, high)
    elif isinstance(value, int) and not isinstance(value, bool):
        score = float(value) if -HUGE < value < HUGE else math.inf  # a float holds no more than 308 digits
    elif isinstance(value, float):
        score = value
    else:
        raise ValueError(f"the score is no number: {excerpt(str(value))!r}")  # noqa: TRY004 - an invalid answer, not a bug
    if not math.isfinite(score) or not low <= score <= high:
        raise ValueError(f"the score {score:g} is not from {low:g} to {high:g}")
    return score


def storable(text: str) -> str:
    """`text` without what UTF-8 files and databases cannot hold: lone surrogates and NUL become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text) if _unstorable(text) else text


def _unstorable(text: str) -> bool:
    """Whether `text` holds such; most texts are ASCII, which is quick to tell."""
    return "\0" in text or (not text.isascii() and _UNSTORABLE.search(text) is not None)


def excerpt(text: str, length: int = EXCERPT_CHARS) -> str:
    """The beginning of `text` on one line, for a message."""
    flat = " ".join(storable(text[: 4 * length]).split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"


class _UnreadableError(Exception):
    """Rather no answer than a wrong one: the last JSON is cut off, or the text asks for too much work."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A value and the text after it."""

    value: object
    tail: str = ""

    @property
    def rank(self) -> int:
        """How likely it is the answer: something in braces, something in brackets, nothing."""
        return 1 + isinstance(self.value, dict) if self.value else 0


def _found(text: str) -> _Found | None:
    constants: list[str] = []
    decoder = _DECODER
    if "NaN" in text or "Infinity" in text:
        decoder = json.JSONDecoder(strict=False, parse_constant=constants.append)
    with suppress(ValueError, RecursionError):  # where it is not JSON as it stands, look inside
        value = decoder.decode(text)
        return None if constants else _Found(value)
    best: _Found | None = None
    try:
        for forgive in (_as_it_is, _forgive_form, _forgive_quotes):
            found = _last(forgive(text))
            # What is forgiven changes also texts within an answer, so that it must find more, or something later.
            if found and (best is None or (found.rank, -len(found.tail)) > (best.rank, -len(forgive(best.tail)))):
                best = found
            if best and best.rank == _MOST and not re.search(r"[{}]", best.tail):
                break
    except _UnreadableError:
        return None
    return best


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, dict):
        return {storable(name): _storable(part) for name, part in value.items()}
    return value


def _as_it_is(text: str) -> str:
    return text


def _forgive_form(text: str) -> str:
    return _TRAILING_COMMA.sub(r"\1", text.replace("**", ""))


def _forgive_quotes(text: str) -> str:
    return _TRAILING_COMMA.sub(r"\1", _FENCE.sub("", _forgive_form(text)).translate(_SMART_QUOTES))


def _last(text: str) -> _Found | None:
    """The last object or array in `text` of the highest rank.

    Raises:
        _UnreadableError: an object ends with the text, or looking would take more than `PASSES` passes.
    """
    constants: list[str] = []
    decoder = json.JSONDecoder(strict=False, parse_constant=constants.append)
    best: _Found | None = None
    best_end, looked_at, resume_at = 0, 0, 0
    most_work = max(LEAST_WORK, PASSES * len(text))
    for start in (match.start() for match in _START.finditer(text)):
        if start < resume_at:
            continue
        constants.clear()
        try:
            value, resume_at = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            to_the_end = error.pos >= len(text) or error.msg.startswith("Unterminated string")
            looked_at += (len(text) if to_the_end else error.pos) - start
            looked_at += error.pos // 16  # the error counts the lines before it
            if looked_at > most_work or (to_the_end and _BEGUN.match(text, start)):
                raise _UnreadableError from error
        except (ValueError, RecursionError) as error:  # too many digits, too deep
            raise _UnreadableError from error
        else:
            if not constants and (found := _Found(value)).rank >= (best.rank if best else 0):
                best, best_end = found, resume_at
    return best and _Found(best.value, text[best_end:])


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
