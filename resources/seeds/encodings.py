"""Bytes as UTF-8: by their mark, or as the user says; never by replacing what does not fit."""

import codecs
import re

import polars as pl

from evergrow.methods.text.counts import counted
from evergrow.resources.seeds.raw import EMPTY, UnreadableError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that Windows-1252 has no character for
PIECE = 1 << 20
GUESSED_FROM, MIN_TELLING = 50_000, 24  # bytes of a file, and bytes beyond ASCII among them, that tell an encoding
USUAL = ("cp1252", "cp1250", "cp1251", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "cp1253", "cp1255")
LATER = re.escape(
    "".join(bytes([byte]).decode("latin-1" if byte in UNDEFINED else "cp1252") for byte in range(0x80, 0xC0))
)
# Characters as which Windows-1252 shows one character of UTF-8: its first byte, then one to three later ones.
MOJIBAKE = rf"[\u00c2-\u00df][{LATER}]|[\u00e0-\u00ef][{LATER}]{{2}}|[\u00f0-\u00f4][{LATER}]{{3}}"


def to_utf8(data: bytes, encoding: str | None) -> bytes:
    """`data` as UTF-8 without a mark.

    Args:
        data: the bytes of a file, inflated.
        encoding: as the user states it (a name that Python knows); None: by the mark, else UTF-8.

    Raises:
        UnreadableError: there is no such encoding, the bytes are not of it, or they hold no text.
    """
    mark, marked = next(((mark, name) for mark, name in MARKS if data.startswith(mark)), (b"", None))
    body = data[len(mark) :] if mark else data
    name = marked or encoding or "utf-8"
    try:
        known = _checked(body) if codecs.lookup(name).name == "utf-8" else body.decode(name).encode()
    except LookupError as error:
        raise UnreadableError(f"is not read as {name!r}, which is no encoding of texts: try utf-8 or cp1252") from error
    except UnicodeEncodeError as error:
        raise UnreadableError(f"is not {name} text, it has half a surrogate pair: state another --encoding") from error
    except UnicodeDecodeError as error:
        raise _undecodable(body, name, error) from error
    if not re.search(rb"\S", known):
        raise UnreadableError(EMPTY)
    if b"\0" in known:
        raise _null_byte(body, known)
    return known


def _checked(body: bytes) -> bytes:
    """`body`, if it is UTF-8; it is decoded piece by piece, since one wide character widens a whole text in memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), PIECE):
        pending = len(decoder.getstate()[0])
        end = start + PIECE
        try:
            decoder.decode(body[start:end], final=end >= len(body))
        except UnicodeDecodeError as error:
            at = start - pending + error.start
            raise UnicodeDecodeError("utf-8", body, at, at + 1, error.reason) from error
    return body


def mojibake_note(contents: pl.Series) -> list[str]:
    """What is to be said of texts that were once decoded wrongly: nothing, or one sentence with a remedy."""
    spoilt = contents.filter(contents.str.contains(MOJIBAKE))
    example = next((found for text in spoilt.head(20) if (found := _repaired(text))), None)
    if example is None:
        return []
    return [
        f"{counted(spoilt.len(), 'texts look', 'text looks')} like UTF-8 that was read as Windows-1252 "
        f"({example[0]!r} for {example[1]!r}): "
        "repair the file with `iconv -f UTF-8 -t WINDOWS-1252 FILE > repaired`, if all of it is so"
    ]


def _repaired(text: str) -> tuple[str, str] | None:
    """A wrong piece of `text` and what it was, if it is so."""
    for word in re.findall(r"\S+", text):
        if re.search(MOJIBAKE, word):
            try:
                return word, b"".join(_byte(character) for character in word).decode()
            except (UnicodeDecodeError, UnicodeEncodeError):
                continue
    return None


def _byte(character: str) -> bytes:
    return character.encode("latin-1" if ord(character) in UNDEFINED else "cp1252")


def _undecodable(body: bytes, name: str, error: UnicodeDecodeError) -> UnreadableError:
    line = body.count(b"\n", 0, error.start) + 1
    where = f"byte 0x{body[error.start]:02x}"
    if unmarked := _unmarked(body):
        return UnreadableError(f"looks like UTF-16 without a mark: add --encoding {unmarked}", line)
    if name != "utf-8":
        return UnreadableError(f"is not {name} text ({where}): state another --encoding", line)
    likely = _likely_encoding(body)
    return UnreadableError(
        f"is not UTF-8 text ({where}): it may be {likely}: then add --encoding {likely}, or convert it with "
        f"`iconv -f {likely.upper()} -t UTF-8 FILE > converted`",
        line,
    )


def _likely_encoding(body: bytes) -> str:
    from charset_normalizer import from_bytes  # noqa: PLC0415 - only for files that are not UTF-8

    first = next((at for at, byte in enumerate(body) if byte >= 0x80), 0)
    start = max(0, first - 200)
    sample = body[start : start + GUESSED_FROM]
    if sum(byte >= 0x80 for byte in sample) < MIN_TELLING:
        return "cp1252"
    best = from_bytes(sample, cp_isolation=list(USUAL)).best()
    return (best.encoding if best else "cp1252").replace("_", "-")


def _null_byte(body: bytes, known: bytes) -> UnreadableError:
    line = known.count(b"\n", 0, known.index(b"\0")) + 1
    if unmarked := _unmarked(body):
        return UnreadableError(f"looks like UTF-16 without a mark: add --encoding {unmarked}", line)
    return UnreadableError("holds a null byte, which no text has: remove it, such as with `tr -d '\\000'`", line)


def _unmarked(body: bytes) -> str | None:
    """The UTF-16 that bytes look like: every other one is zero."""
    for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        looked_at = body[place:200:2]
        if looked_at and looked_at.count(0) > len(looked_at) * 0.8:
            return name
    return None
