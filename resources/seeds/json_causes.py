"""Why a text is nearly JSON, in words that name the cause and what to do."""

import json
import re

PYTHON_WORDS = re.compile(r"(?:True|False|None|undefined|nan|inf)\b|u['\"]|b['\"]")
BARE_NAME = re.compile(r"[A-Za-z_$][\w$-]*\s*:")
COMMENT = re.compile(r"//|/\*|#|--")
SMART = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
AS_JSON = "import ast,json,sys; json.dump(ast.literal_eval(sys.stdin.read()), sys.stdout)"
ENDS_AS_NUMBER = re.compile(r"\d\Z")
ODD_NUMBER_ADVICE = "a number is not written as in JSON: no leading zero, no plus sign, digits on both sides of a dot"
ODD_NUMBER = re.compile(r"[+.]\d|-?0\d|\d+\.(?!\d)|0x[0-9a-fA-F]")


def cause(text: str, error: json.JSONDecodeError) -> str:
    """What is likely wrong at `error.pos` of `text`: one clause with its remedy, such as "a comma is too many"."""
    at = error.pos
    rest = text[at : at + 80]
    before = text[max(0, at - 400) : at].rstrip()
    if "Unterminated string" in error.msg:
        return "a text is not closed: its last quotation mark is missing, or the file is cut off"
    if "Invalid control" in error.msg:
        return r"a line break or a tab stands inside a text: write it as \n or \t"
    if "escape" in error.msg:
        return r"a backslash begins no escape: double it (\\)"
    if not rest.strip():
        return f"the file ends too early{_unclosed(text)}: it may be cut off, or a bracket is missing"
    return _at_a_character(error.msg, rest.lstrip(), before)


def unread(error: ValueError | RecursionError) -> str:
    """Why a text that may well be JSON was not read."""
    return "it is nested too deep: flatten it" if isinstance(error, RecursionError) else str(error)


def _at_a_character(said: str, rest: str, before: str) -> str:
    """The first cause whose signs are there, of `rest` from the place of the error on, and `before` it."""
    first, missing = rest[0], "delimiter" in said
    word = PYTHON_WORDS.match(rest)
    causes = (
        (first in "]}" and before.endswith(","), f"the comma before {first} is too many: delete it"),
        (COMMENT.match(rest), "JSON has no comments: delete them"),
        (first == "'", f'texts stand in single quotes, as in Python: python3 -c "{AS_JSON}" < FILE > seeds.json'),
        (first in SMART, 'quotation marks are typographic: write straight ones ("), outside of texts'),
        (word, f"{word[0] if word else ''!r} is no word of JSON: write true, false or null"),
        (said.startswith("Expecting ':'"), "a colon is missing after a name"),
        (missing and first in '"{[' and before[-1:] in '"}]0123456789el', "a comma is missing before this place"),
        (missing and before.endswith('"'), r"a quotation mark inside a text is not escaped: write it as \""),
        (BARE_NAME.match(rest) and before[-1:] in {"{", ","}, "names must stand in quotation marks"),
        (ODD_NUMBER.match(rest) or (missing and ENDS_AS_NUMBER.search(before)), ODD_NUMBER_ADVICE),
        (first in "],", f"a value is missing before {first}"),
    )
    return next((words for holds, words in causes if holds), said)


def _unclosed(text: str) -> str:
    """Which bracket of `text` is still open at its end, and where it stands."""
    open_at: list[int] = []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text, re.DOTALL):
        if found[0] in "[{":
            open_at.append(found.start())
        elif found[0] in "]}" and open_at:
            open_at.pop()
    if not open_at:
        return ""
    at = open_at[-1]
    return f": the {text[at]} of line {text.count(chr(10), 0, at) + 1} is never closed"
