"""Personal data in texts: e-mail addresses, telephone numbers and card numbers of somebody, not those of examples.

Reserved for examples are the domains of RFC 2606 and RFC 6761, the exchange 555 of North America's telephone numbers
and the numbers that payment services publish for tests. Other names that exercises use as if they were reserved
(`domain.com`, `company.com`) count as such. Numbers must be written as people write them: digits alone are numbers.
"""

import re

import polars as pl

from evergrow.methods.quality.patterns import Shape, holds

EXAMPLE_DOMAINS = re.compile(
    r"@(?:[\w-]+\.)*(?:(?:my|your|our|some|other|the|old|new)?-?(?:example|test|domain|company|corp|org|email|mail|site"
    r"|website|server|host|foo|bar|baz|acme|contoso|sample|demo|dummy|invalid|xyz|abc|school|university|shop|store"
    r"|business|service)\d*\.[a-z]{2,}(?:\.[a-z]{2})?|[\w-]+\.(?:test|example|invalid|localhost|local))$",
    re.IGNORECASE,
)
EXAMPLE_NAMES = frozenset(("git", "noreply", "no-reply", "donotreply", "postmaster", "mailer-daemon"))
FILE_SUFFIXES = frozenset(("py", "js", "ts", "rs", "md", "sh", "rb", "cs", "so", "pl", "ps"))  # and of countries
EXAMPLE_DIGITS = re.compile(r"012345|123456|234567|345678|456789|987654|(\d)\1{4}|123.?4567|555")
TEST_CARDS = frozenset((
    *("4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222", "5200828282828210"),
    *("5105105105105100", "378282246310005", "371449635398431", "6011111111111117", "6011000990139424"),
    *("4111111111111111", "4012888888881881", "4532015112830366", "4539148803436467", "4539578763621486"),
    *("30569309025904", "38520000023237", "3530111333300000", "3566002020360505", "6011981111111113"),
))  # fmt: skip

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _is_somebodys_address(part: str) -> bool:
    name, _, domain = part.partition("@")
    known = name.lower() in EXAMPLE_NAMES or domain.rpartition(".")[2].lower() in FILE_SUFFIXES
    return not known and not EXAMPLE_DOMAINS.search(part)


def _is_somebodys_telephone(part: str) -> bool:
    digits = re.sub(r"\D", "", part)
    return 9 <= len(digits) <= 15 and not EXAMPLE_DIGITS.search(digits) and not re.search(r"900[ -]?[0-9]{3}$", part)


def _is_card(part: str) -> bool:
    digits = re.sub(r"\D", "", part)
    return digits not in TEST_CARDS and not EXAMPLE_DIGITS.search(digits) and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1)."""
    backwards = [int(digit) for digit in reversed(digits)]
    return (sum(backwards[::2]) + sum(_LUHN_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0


SHAPES = (
    Shape(
        "e-mail address",
        r"(?i)\b[a-z0-9][a-z0-9._%+-]{1,63}@(?:[a-z0-9-]{1,63}\.){1,4}"
        r"(?:com|org|net|edu|gov|mil|int|info|biz|dev|app|name|pro|online|tech|cloud|[a-z]{2})\b",
        _is_somebodys_address,
    ),
    Shape(
        "telephone number",
        r"\+[1-9]\d{0,2}[ .-]\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b|\(?\b[2-9]\d\d(?:\) |[)-])[2-9]\d\d-\d{4}\b",
        _is_somebodys_telephone,
    ),
    Shape(
        "card number",
        r"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d)[ -]\d{4}[ -]\d{4}[ -]\d{4}\b"
        r"|\b3[47]\d\d[ -]\d{6}[ -]\d{5}\b",
        _is_card,
    ),
)


def personal_reasons(texts: pl.Series) -> pl.Series:
    """String (n,): `personal: ...` for each text that holds some, the first of `SHAPES`; else null."""
    return pl.select(
        pl.coalesce(pl.when(holds(texts, shape)).then(pl.lit(f"personal: {shape.name}")) for shape in SHAPES)
    ).to_series()
