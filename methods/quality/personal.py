"""Personal data in texts: e-mail addresses, telephone, card, account and national numbers of somebody.

Telephone numbers are those that libphonenumber takes for valid, account and national numbers those whose check digits
are right (python-stdnum; presidio would bring spaCy along for the same regular expressions).

No address is somebody's whose domain is reserved (RFC 2606, RFC 6761) or obviously invented: of a single letter
(`x.org`), or one of the placeholders that stand for the reader's own. Nor are the exchange 555 of North America,
counted-up digits (but for telephone numbers with the code of another country), and the numbers that payment services
and standards publish for tests. Digits alone are numbers, unless a word before them says what they are.
"""

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

from evergrow.methods.quality.patterns import TextShape

RESERVED = re.compile(
    r"@(?:.+\.)?(?:example\.(?:com|net|org|edu)|[\w-]+\.(?:test|example|invalid|localhost|local|lan))$", re.IGNORECASE
)
PLACEHOLDERS = frozenset(
    f"{name}.{end}"
    for name in (
        "domain",
        "yourdomain",
        "mydomain",
        "somedomain",
        "company",
        "yourcompany",
        "mycompany",
        "test",
        "foo",
        "bar",
        "baz",
        "acme",
    )
    for end in ("com", "org", "net")
)
EXAMPLE_NAMES = frozenset(("git", "noreply", "no-reply", "donotreply", "postmaster", "mailer-daemon"))
FILE_SUFFIXES = frozenset(
    ("py", "js", "ts", "rs", "md", "sh", "rb", "cs", "so", "pl", "ps", "mm", "cc", "st", "to", "id", "is", "py")
)
EXAMPLE_DIGITS = re.compile(r"012345|123456|234567|345678|456789|987654|(\d)\1{4}|123.?4567|555")
TEST_CARDS = frozenset((
    *("4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222", "5200828282828210"),
    *("5105105105105100", "378282246310005", "371449635398431", "6011111111111117", "6011000990139424"),
    *("4111111111111111", "4012888888881881", "4532015112830366", "4539148803436467", "4539578763621486"),
    *("30569309025904", "38520000023237", "3530111333300000", "3566002020360505", "6011981111111113"),
))  # fmt: skip
TEST_ACCOUNTS = frozenset(
    ("GB82WEST12345698765432", "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606")
)
# Where numbers without a country code are looked up.
REGIONS = (
    *("US", "GB", "DE", "FR", "ES", "IT", "PL", "NL", "BE", "SE", "NO", "DK", "FI", "PT", "AT", "CH", "IE", "CZ"),
    *("BR", "IN", "AU", "CA", "MX", "JP", "KR", "TR", "RO", "GR", "HU", "ZA"),
)

_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# National numbers by python-stdnum's modules; those of digits alone need separators or a word that names them.
_LETTERED = ("es.dni", "es.nie", "it.codicefiscale", "fi.hetu", "ie.pps", "mx.curp", "in_.pan", "pt.cc")
_PLAIN = ("fr.nir", "cn.ric", "ro.cnp", "kr.rrn", "za.idnr")
_SEPARATED = (
    "br.cpf",
    "ch.ssn",
    "se.personnummer",
    "no.fodselsnummer",
    "dk.cpr",
    "be.nn",
    "cz.rc",
    "in_.aadhaar",
    "ca.sin",
)
_NAMED = (
    *(
        "us.ssn",
        "us.itin",
        "de.idnr",
        "pl.pesel",
        "nl.bsn",
        "at.vnr",
        "pt.nif",
        "gb.nhs",
        "tr.tckimlik",
        "gr.amka",
        "bg.egn",
    ),
    *("au.tfn", "jp.in_", "hu.anum", "ee.ik", "lt.asmens", "hr.oib", "il.idnr", "fr.nif", "es.nif", "ua.rntrc"),
)
_NUMBER_NAMES = (
    r"ssn|itin|social security|sozialversicherung\w*|steuer-?(?:id|nummer|identifikationsnummer)\w*|tax"
    r" (?:id|number|file number)|taxpayer|pesel|bsn"
    r"|burgerservicenummer|personnummer|f\u00f8dselsnummer|fodselsnummer|cpr|hetu|henkil\u00f6tunnus"
    r"|rodn\u00e9 \u010d\u00edslo|nif|nie|dni|nhs|national (?:id|insurance|identity|number)\w*"
    r"|identity (?:number|card)|id (?:number|no|card)|aadhaar|pan|cpf|sin|tfn|my number|ahv|avs|cnp|egn"
    r"|amka|oib|insurance number|tc kimlik|kimlik|personal (?:id|number|code)"
    r"|num\u00e9ro (?:de s\u00e9curit\u00e9 sociale|fiscal)|insee|nir|codice fiscale|curp|pps(?:n)?"
    r"|rijksregisternummer|vnr|sv-?nummer"
)
_BEFORE_NUMBER = re.compile(
    rf"^.*?\b(?:{_NUMBER_NAMES})\b[^0-9A-Z]*(?:(?:is|number|no|nr)\b[^0-9A-Z]*)*", re.IGNORECASE
)
_NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]")
_CARD_NAMES = r"card|visa|mastercard|amex|american express|kreditkarte|karte|carte|tarjeta|carta|cart\u00e3o|kaart"
_CALL_NAMES = (
    r"tel|tel\.|phone|telephone|telefon|t\u00e9l\u00e9phone|tel\u00e9fono|telefono|mobile|mobil|cell|handy|call"
    r"|fax|ring|whatsapp|sms|dial|reach (?:me|us|him|her) (?:at|on)"
)


def _is_somebodys_address(part: str) -> bool:
    if part.endswith(("(", "[", "=")):
        return False  # an attribute of what is multiplied as matrices
    name, _, domain = part.strip(" \t<:\"'(,;").partition("@")
    labels = domain.lower().split(".")
    code = labels[-1] in FILE_SUFFIXES and len(name) < 3
    invented = len(labels[-2]) == 1 or domain.lower() in PLACEHOLDERS or RESERVED.search(f"@{domain}") is not None
    mixed_case = not (domain.islower() or domain.isupper() or domain.istitle())
    return name.lower() not in EXAMPLE_NAMES and not code and not invented and not mixed_case


def _is_somebodys_telephone(part: str) -> bool:
    digits = re.sub(r"\D", "", part)
    # Counted-up digits are North America's usual example; elsewhere somebody may have them.
    abroad = re.search(r"(?:\+|\b00)[2-9]", part) is not None
    example = re.search(r"(\d)\1{4}|555", digits) if abroad else EXAMPLE_DIGITS.search(digits)
    if not 7 <= len(digits) <= 15 or example or re.search(r"900[ -]?[0-9]{3}$", part):
        return False
    number = re.sub(rf"(?i)^\W*(?:{_CALL_NAMES})\b[^0-9+(]*", "", part)
    return _is_valid_telephone(number.strip(" \t\n:\"'=,>"), named=number != part)


def _is_valid_telephone(number: str, *, named: bool) -> bool:
    import phonenumbers  # noqa: PLC0415 - its tables take a moment to load

    if number.lstrip("( ").startswith(("+", "00")):
        international = re.sub(r"^\(?00", "+", number.strip())
        try:
            return bool(phonenumbers.is_valid_number(phonenumbers.parse(international, None)))
        except phonenumbers.NumberParseException:
            return False
    leniency = phonenumbers.Leniency.VALID if named else phonenumbers.Leniency.EXACT_GROUPING
    return any(phonenumbers.PhoneNumberMatcher(number, region, leniency=leniency).has_next() for region in REGIONS)


def _is_card(part: str) -> bool:
    digits = re.sub(r"\D", "", part)
    return digits not in TEST_CARDS and not EXAMPLE_DIGITS.search(digits) and luhn(digits)


def _is_account(part: str) -> bool:
    number = re.sub(r"[\s-]", "", part).upper()
    return number not in TEST_ACCOUNTS and _valid("iban", number)


def _is_national(modules: tuple[str, ...]) -> Callable[[str], bool]:
    def is_real(part: str) -> bool:
        number = _BEFORE_NUMBER.sub("", part).strip(" \t\n:(\"'=,")
        digits = re.sub(r"\D", "", number)
        return EXAMPLE_DIGITS.search(digits) is None and (
            _NINO.fullmatch(number) is not None or any(_valid(module, number) for module in modules)
        )

    return is_real


def _valid(module: str, number: str) -> bool:
    return bool(_validator(module)(number))


@cache
def _validator(module: str) -> Callable[[str], bool]:
    found: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return found


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1)."""
    backwards = [int(digit) for digit in reversed(digits)]
    return (sum(backwards[::2]) + sum(_LUHN_DOUBLED[digit] for digit in backwards[1::2])) % 10 == 0


_DOMAIN_ENDS = (
    r"com|org|net|edu|gov|mil|int|info|biz|dev|app|name|pro|online|tech|cloud|site|store|shop|xyz|club|live"
    r"|blog|email|space|world"
    r"|agency|digital|media|group|team|works|studio|systems|solutions|company|network|global|today|life"
    r"|email|mobi|museum|travel|[a-z]{2}"
)
_GROUPED = r"\d{2,6}(?:[ ./-]\d{1,6}){1,4}"
SHAPES = (
    TextShape(
        "e-mail address",
        rf"(?i)\b[a-z0-9][a-z0-9._%+-]{{0,63}}@(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_DOMAIN_ENDS})\b[(\[=]?",
        _is_somebodys_address,
    ),
    TextShape(
        "account number",
        r"\b[A-Z]{2}\d{2}(?:[ ]?[0-9A-Z]{4}){2,7}(?:[ ]?[0-9A-Z]{1,3})?\b",
        _is_account,
    ),
    TextShape(
        "card number",
        r"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6011|65\d\d|35\d\d)[ -]\d{4}[ -]\d{4}[ -]\d{4}\b|\b3[47]\d\d["
        r" -]\d{6}[ -]\d{5}\b"
        rf"|(?i:\b(?:{_CARD_NAMES})\b)[^\n\d]{{0,30}}(?:4\d{{15}}|5[1-5]\d{{14}}|2[2-7]\d{{14}}"
        rf"|3[47]\d{{13}}|6(?:011|5\d\d)\d{{12}}|35\d{{14}})\b",
        _is_card,
    ),
    TextShape(
        "national number",
        r"(?:^|[\s:(\"'=,])(?:\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z]|[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z]"
        r"|\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]|\d{7}[A-W][A-IW]?"
        r"|[A-Z]{4}\d{6}[A-Z]{6}[0-9A-Z]\d|[A-Z]{5}\d{4}[A-Z]|[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D])\b",
        _is_national(_LETTERED),
    ),
    TextShape(
        "national number",
        r"\b(?:[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d|\d{17}[\dX]|\d{13}|\d{6}-\d{7})\b",
        _is_national(_PLAIN),
    ),
    TextShape(
        "national number",
        r"\b(?:\d{3}\.\d{3}\.\d{3}-\d\d|756\.\d{4}\.\d{4}\.\d\d|(?:\d\d)?\d{6}[-+]\d{4}|\d{6} \d{5}"
        r"|\d\d\.\d\d\.\d\d-\d{3}\.\d\d"
        r"|\d{6}/\d{3,4}|\d{4} \d{4} \d{4}|\d{3} \d{3} \d{3})\b",
        _is_national(_SEPARATED),
    ),
    TextShape("national number", r"\b\d{3}-\d\d-\d{4}\b", _is_national(("us.ssn", "us.itin"))),
    TextShape(
        "national number",
        rf"(?i:\b(?:{_NUMBER_NAMES})\b)[^\n\d]{{0,30}}[0-9A-Z][0-9A-Z ./-]{{6,18}}[0-9A-Z]\b",
        _is_national(_LETTERED + _PLAIN + _SEPARATED + _NAMED),
    ),
    TextShape(
        "telephone number",
        rf"(?:\+|\b00)[1-9]\d{{0,2}}[ ./-]?\(?\d{{1,5}}\)?(?:[ ./-]?\d{{1,5}}){{1,5}}\b|\(0?\d{{2,5}}\)"
        rf" ?{_GROUPED}\b|(?:^|[\s:(\"'=,>])0\d{{1,5}}[ ./-]\d{{2,8}}(?:[ ./-]\d{{2,6}}){{0,4}}\b"
        rf"|\(?\b[2-9]\d\d(?:\) |[)-])[2-9]\d\d-\d{{4}}\b"
        rf"|(?i:\b(?:{_CALL_NAMES})\b)[^\n\d+(]{{0,15}}[+(]?\d[\d ()./-]{{6,17}}\d\b",
        _is_somebodys_telephone,
    ),
)
