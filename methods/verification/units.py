"""Units of quantities: what is measured, and how many of its base unit one is; exact.

A name that is no known unit measures itself, singular or plural: `5 apples` are no `5 oranges`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

MAX_FACTORS = 6

# Names, how many of the base, and the base: what is left of `=` is one of what is right of it.
_TABLE = """
m metre meter = 1 m; km kilometre kilometer = 1000 m; dm decimetre = 1/10 m; dm decimeter = 1/10 m
cm centimetre centimeter = 1/100 m
mm millimetre millimeter = 1/1000 m; nm nanometre nanometer = 1/1000000000 m; in inch = 127/5000 m
µm μm um micrometre micrometer micron = 1/1000000 m; ft foot feet = 381/1250 m; yd yard = 1143/1250 m
mi mile = 201168/125 m; kg kilogram kilogramme kilo = 1 kg; g gm gram gramme = 1/1000 kg; mg milligram = 1/1000000 kg
t tonne = 1000 kg; lb pound = 45359237/100000000 kg; oz ounce = 45359237/1600000000 kg; ton = 1 ton
s sec second = 1 s; ms millisecond = 1/1000 s; min minute = 60 s; h hr hour = 3600 s; day = 86400 s; week wk = 604800 s
month mo = 1 month; year yr = 12 month; decade = 120 month; century centurie = 1200 month
l L litre liter = 1/1000 m^3; ml mL millilitre milliliter cc = 1/1000000 m^3; dl dL = 1/10000 m^3; cl cL = 1/100000 m^3
gal gallon = 1 gallon; qt quart = 1/4 gallon; pt pint = 1/8 gallon; cup = 1/16 gallon; ha hectare = 10000 m^2
acre = 316160658/78125 m^2; mph = 1397/3125 m s^-1; kph kmh kmph = 5/18 m s^-1; knot kn = 463/900 m s^-1
N newton = 1 kg m s^-2; kN kilonewton = 1000 kg m s^-2; J joule = 1 kg m^2 s^-2; kJ kilojoule = 1000 kg m^2 s^-2
cal calorie = 523/125 kg m^2 s^-2; kcal kilocalorie = 4184 kg m^2 s^-2; W watt = 1 kg m^2 s^-3
kW kilowatt = 1000 kg m^2 s^-3; MW megawatt = 1000000 kg m^2 s^-3; kWh kilowatthour = 3600000 kg m^2 s^-2
Wh watthour = 3600 kg m^2 s^-2; Pa pascal = 1 kg m^-1 s^-2; kPa kilopascal = 1000 kg m^-1 s^-2
bar = 100000 kg m^-1 s^-2; atm atmosphere = 101325 kg m^-1 s^-2; Hz hertz = 1 s^-1; kHz kilohertz = 1000 s^-1
MHz megahertz = 1000000 s^-1; V volt = 1 V; mV millivolt = 1/1000 V; kV kilovolt = 1000 V; A ampere amp = 1 A
mA milliampere = 1/1000 A; ohm = 1 ohm; C coulomb = 1 coulomb; mol mole = 1 mol; mmol millimole = 1/1000 mol
bit = 1 bit; B byte = 8 bit; kB KB kilobyte = 8000 bit; MB megabyte = 8000000 bit; GB gigabyte = 8000000000 bit
KiB kibibyte = 8192 bit; MiB mebibyte = 8388608 bit; GiB gibibyte = 8589934592 bit
° deg degree = 1 degree; arcmin arcminute = 1/60 degree; arcsec arcsecond = 1/3600 degree; rad radian = 1 radian
rev revolution = 360 degree; dollar $ USD buck = 1 USD; cent ¢ c = 1/100 USD; dime = 1/10 USD; nickel = 1/20 USD
euro € EUR = 1 EUR; £ GBP quid = 1 GBP; pence penny pennie p = 1/100 GBP; rupee ₹ Rs INR = 1 INR; ¥ yen JPY = 1 JPY
yuan RMB CNY = 1 CNY; °C celsius = 1 celsius; °F fahrenheit = 1 fahrenheit; K kelvin = 1 kelvin
"""
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
# Words after a number that are no unit, for they change its value.
_NO_UNIT = re.compile(
    r"""\b(?:
    pi|mod|and|or|to|by|of|plus|minus|times|over|sqrt|log|ln|sin|cos|tan|exp|factorial|choose|remainder
    |(?:hundred|thousand)ths?|hal(?:f|ves)|(?:third|quarter|fourth|fifth|sixth|seventh|eighth)s?|(?:ninth|tenth)s?
    |am|pm|bc|ad|bce|ce|north|south|east|west|left|right|up|down|above|below|more|less|fewer|at|least|most|not|infinity
    |o'clock|in\ base|base
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_NAME = r"[^\W\d_]+|[°$€£¥₹¢%][CF]?"
_FACTOR = re.compile(
    rf"[ ]*(/|\bper\b|\\cdot|[*·.-])?[ ]*(?:(square|sq\.?|cubic|cu\.?)[ ]+)?({_NAME})\.?"
    r"(?:[ ]?(?:\^?\{?(-?[1-4])\}?(?!\w)|(squared|cubed)))?",
    re.IGNORECASE,
)
_POWERS = {"square": 2, "sq": 2, "sq.": 2, "cubic": 3, "cu": 3, "cu.": 3, "squared": 2, "cubed": 3}


@dataclass(frozen=True, slots=True)
class Unit:
    """What is measured: `size` times the product of base units with their powers. Without any it is a bare number.

    `offset` is added after scaling: degrees Celsius and Fahrenheit as kelvins. `scale` is what the number before it is
    multiplied with, as in `million dollars`.
    """

    size: Fraction = Fraction(1)
    powers: Mapping[str, int] = field(default_factory=dict)
    offset: Fraction = Fraction(0)
    scale: Fraction = Fraction(1)


NONE = Unit()
PERCENT = Unit(Fraction(1, 100), {})
_CELSIUS = Unit(Fraction(1), {"kelvin": 1}, Fraction(27315, 100))
_FAHRENHEIT = Unit(Fraction(5, 9), {"kelvin": 1}, Fraction(45967, 100) * Fraction(5, 9))


def unit(text: str, *, known_only: bool = False) -> Unit | None:
    """The unit that `text` names, such as `km/h`, `square feet` or `apples per tree`; None if it changes a value.

    `known_only` refuses names that are not in the
    table, and single letters.
    """
    text = text.strip()
    if not text:
        return NONE
    if len(text) > 60 or _NO_UNIT.search(text):
        return None
    size, scale, powers, at = Fraction(1), Fraction(1), Counter[str](), 0
    names = 0
    below = False
    while at < len(text):
        found = _FACTOR.match(text, at)
        if found is None or found.end() == at or names == MAX_FACTORS:
            return None
        sign, before, name, power, after = found.groups()
        below = below or sign in ("/", "per")
        at, names = found.end(), names + 1
        if not powers and name.lower() in _SCALES:
            scale *= _SCALES[name.lower()]
            continue
        one = _named(name)
        if known_only and (one is None or (len(name) == 1 and name.isalpha())):
            return None
        exponent = int(power or 1) * _POWERS.get((before or after or "").lower(), 1) * (-1 if below else 1)
        if one is not None and one.offset:
            return one if names == 1 and at == len(text) else None
        one = one or Unit(Fraction(1), {singular(name.lower()): 1})
        size *= one.size**exponent
        powers.update({base: count * exponent for base, count in one.powers.items()})
    return Unit(size, {base: count for base, count in powers.items() if count}, scale=scale)


def singular(word: str) -> str:
    """`word` without the ending of a plural."""
    for ending, instead in (("ies", "y"), ("ches", "ch"), ("xes", "x"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 2 and not word.endswith("ss"):
            return word.removesuffix(ending) + instead
    return word


def _named(name: str) -> Unit | None:
    for spelt in (name, name.lower(), singular(name.lower())):
        if spelt in ("°C", "celsius"):
            return _CELSIUS
        if spelt in ("°F", "fahrenheit"):
            return _FAHRENHEIT
        if spelt in _UNITS:
            return _UNITS[spelt]
    return None


def _read_table() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in _TABLE.replace("\n", ";").split(";"):
        if names := line.partition("=")[0].split():
            size, *bases = line.partition("=")[2].split()
            powers = {base.partition("^")[0]: int(base.partition("^")[2] or 1) for base in bases}
            units |= dict.fromkeys(names, Unit(Fraction(size), powers))
    return units


_UNITS = _read_table()
