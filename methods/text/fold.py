"""Names of dimensions and values: cleaned for storing, folded for comparing."""

import re
import unicodedata

_MARKER = re.compile(r"^\s*(?:[-*\u2022\u00b7\u2013\u2014]+\s+|\(?\d{1,3}[.):]\s+|\(?[a-zA-Z][.)]\s+)+")
_QUOTES = r"\"'`\u201c\u201d\u2018\u2019"
_WRAPPED = re.compile(rf"^([{_QUOTES}*_]+)(.*?)([{_QUOTES}*_]+)$", re.DOTALL)
_CLOSING = re.compile(r"(?<=\S)[.,;]+$")
_SEPARATORS = re.compile(rf"[\s.,;:!?()\[\]{{}}{_QUOTES}_\-\u2013\u2014/\\]+")
_PLURAL = re.compile(r"s(?![^ ])(?<=[^ ]{3}s)(?<![sui]s)")  # of four letters and more; not `bus`, `glass`, `axis`


def clean(text: str) -> str:
    """`text` on one line without bullets, numbering, quotes, bold marks and a final full stop or comma.

    `- **Foo**`, `1. "Foo"` and `Foo.` all become `Foo`; what has nothing else stays as it is.
    """
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    bare, before = flat, ""
    while bare != before:
        before, bare = bare, _peeled(bare)
    return bare


def _peeled(text: str) -> str:
    """`text` without its outermost mark; as it is if nothing would be left."""
    for pattern in (_MARKER, _CLOSING):
        text = pattern.sub("", text) or text
    wrapped = _WRAPPED.match(text)
    return wrapped[2].strip() or text if wrapped else text


def fold(text: str) -> str:
    """The form in which names are compared: case, punctuation, spacing and a plural `s` make no difference.

    Signs that carry meaning stay: `C`, `C++` and `C#` are three.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("&", " and ")
    return _PLURAL.sub("", _SEPARATORS.sub(" ", plain).strip()) or plain.strip()
