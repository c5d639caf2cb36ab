"""Personal data of nobody, in the forms of twenty countries, drawn by one seed."""

import random
import re
from collections.abc import Callable
from importlib import import_module

import phonenumbers
from stdnum import iban, luhn

from evergrow.methods.quality.personal import EXAMPLE_DIGITS

COUNTRIES = (
    *("US", "GB", "DE", "FR", "ES", "IT", "PL", "NL", "BE", "SE"),
    *("NO", "DK", "FI", "PT", "AT", "CH", "IE", "CZ", "BR", "IN"),
)
FIRST = ("maria", "jan", "lukas", "emma", "noah", "olivia", "sofia", "hugo", "lea", "pedro", "ines", "giulia", "piotr")
LAST = (
    "kowalska",
    "mueller",
    "dupont",
    "garcia",
    "rossi",
    "janssens",
    "svensson",
    "hansen",
    "virtanen",
    "silva",
    "novak",
)
HOSTS = {
    "US": "comcast.net",
    "GB": "ox.ac.uk",
    "DE": "web.de",
    "FR": "orange.fr",
    "ES": "telefonica.es",
    "IT": "libero.it",
    "PL": "wp.pl",
    "NL": "ziggo.nl",
    "BE": "telenet.be",
    "SE": "telia.se",
    "NO": "online.no",
    "DK": "mail.dk",
    "FI": "elisa.fi",
    "PT": "sapo.pt",
    "AT": "aon.at",
    "CH": "bluewin.ch",
    "IE": "tcd.ie",
    "CZ": "seznam.cz",
    "BR": "uol.com.br",
    "IN": "rediffmail.com",
}
# Digits (#) and letters of an account behind its check digits.
ACCOUNTS = {
    "DE": "#" * 18,
    "FR": "#" * 23,
    "NL": "INGB" + "#" * 10,
    "GB": "NWBK" + "#" * 14,
    "ES": "#" * 20,
    "PL": "#" * 24,
    "BE": "#" * 12,
    "AT": "#" * 16,
    "CH": "#" * 17,
    "SE": "#" * 20,
    "DK": "#" * 14,
    "FI": "#" * 14,
    "IE": "AIBK" + "#" * 14,
}
# python-stdnum's module, the form (# a digit, D and R a date by year or by day, L and K letters) and how it is named.
NATIONAL = {
    "US": ("us.ssn", "###-##-####", "SSN: "),
    "GB": ("gb.nhs", "### ### ####", "NHS number: "),
    "DE": ("de.idnr", "###########", "Steuer-ID: "),
    "FR": ("fr.nir", "1 ## 07 75 ### ### ##", ""),
    "ES": ("es.dni", "########L", ""),
    "IT": ("it.codicefiscale", "LLLLLL##A01H501L", ""),
    "PL": ("pl.pesel", "D#####", "PESEL "),
    "NL": ("nl.bsn", "#########", "BSN "),
    "BE": ("be.nn", "7#.04.1#-###.##", ""),
    "SE": ("se.personnummer", "D-####", ""),
    "NO": ("no.fodselsnummer", "R #####", ""),
    "DK": ("dk.cpr", "R-####", ""),
    "FI": ("fi.hetu", "R-###L", ""),
    "PT": ("pt.nif", "2########", "NIF "),
    "AT": ("at.vnr", "####R", "Sozialversicherungsnummer "),
    "CH": ("ch.ssn", "756.####.####.##", ""),
    "IE": ("ie.pps", "#######L", ""),
    "CZ": ("cz.rc", "D/####", ""),
    "BR": ("br.cpf", "###.###.###-##", ""),
    "IN": ("in_.aadhaar", "4### #### ####", ""),
}
FRAMES = (
    *("Please update the record: {}.", "Contact: {} (office)", "He wrote {} on the form and left.", 'customer = "{}"'),
    *("The line reads {} and nothing else, so parse it.", "- {}", "Send it to {} today."),
)


def examples(count: int, seed: int) -> list[tuple[str, str, str]]:
    """Country, kind and a text that holds an example of it."""
    draw = random.Random(seed)
    kinds: dict[str, Callable[[str, random.Random], str]] = {
        "e-mail address": address,
        "telephone number": telephone,
        "card number": card,
        "account number": account,
        "national number": national,
    }
    found = []
    for number in range(count):
        country, kind = COUNTRIES[number % 20], list(kinds)[number // 20 % 5]
        found.append((country, kind, draw.choice(FRAMES).format(kinds[kind](country, draw))))
    return found


def address(country: str, draw: random.Random) -> str:
    form = draw.choice(("{}.{}@{}", "{}{}@{}", "{}_{}@{}"))
    return form.format(
        draw.choice(FIRST), f"{draw.choice(LAST)}{draw.choice(('', draw.randrange(10, 99)))}", HOSTS[country]
    )


def telephone(country: str, draw: random.Random) -> str:
    kind = draw.choice((phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE))
    known = phonenumbers.example_number_for_type(country, kind)
    assert known is not None
    while True:
        example = phonenumbers.national_significant_number(known)
        drawn = example[:2] + filled("#" * (len(example) - 2), draw)
        number = phonenumbers.parse(f"+{known.country_code}{drawn}")
        if phonenumbers.is_valid_number(number) and not EXAMPLE_DIGITS.search(drawn):
            break
    forms = phonenumbers.PhoneNumberFormat
    form = draw.choice((forms.INTERNATIONAL, forms.INTERNATIONAL, forms.E164, forms.NATIONAL))
    written: str = phonenumbers.format_number(number, form)
    return f"{draw.choice(('tel. ', 'call ', 'phone number: '))}{written}" if form == forms.NATIONAL else written


def card(_: str, draw: random.Random) -> str:
    while True:
        number = filled(draw.choice(("4##############", "53#############")), draw)
        number += luhn.calc_check_digit(number)
        if not EXAMPLE_DIGITS.search(number):
            return draw.choice((" ", "-")).join(re.findall("....", number))


def account(country: str, draw: random.Random) -> str:
    country = country if country in ACCOUNTS else draw.choice(list(ACCOUNTS))
    while True:
        drawn = filled(ACCOUNTS[country], draw)
        number = country + iban.calc_check_digits(f"{country}00{drawn}") + drawn
        if iban.is_valid(number):
            return iban.format(number) if draw.random() < 0.6 else number


def national(country: str, draw: random.Random) -> str:
    module, form, name = NATIONAL[country]
    is_valid = import_module(f"stdnum.{module}").is_valid
    while True:
        number = filled(form, draw)
        if is_valid(number) and not EXAMPLE_DIGITS.search(re.sub(r"\D", "", number)):
            return name + number


def filled(form: str, draw: random.Random) -> str:
    """A form with its places filled."""
    year, month, day = draw.randrange(50, 99), draw.randrange(1, 13), draw.randrange(1, 29)
    parts = {
        "#": lambda: str(draw.randrange(10)),
        "L": lambda: draw.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        "D": lambda: f"{year:02}{month:02}{day:02}",
        "R": lambda: f"{day:02}{month:02}{year:02}",
    }
    if any(letter in form for letter in ("NWBK", "INGB", "AIBK")):
        return form[:4] + filled(form[4:], draw)
    return "".join(parts[sign]() if sign in parts else sign for sign in form)
