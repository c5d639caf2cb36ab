"""Plain-text answers to samples, by kind of task, and tests for the programs among them.

A program is one of a small family whose numbers can be read from its text, so that tests with true results can be told
from the text alone. Of several draws of one question most agree; for one question in eight they do not.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

from tests.fake_endpoint.answers import DEMANDS, sentence

HARD_QUESTIONS, STRAY_DRAWS = 1 / 8, 1 / 6
NOVICE_ERRS = 1 / 2  # of the programs of models called `novice...`
PROGRAM = """\
def {name}(number: int) -> int:
    \"\"\"Return the value that belongs to `number`, which must not be negative.\"\"\"
    if number < 0:
        raise ValueError("number must not be negative")
    if number < {limit}:
        return number * {factor} + {offset}
    return (number - {offset}) % {modulus}
"""
CARELESS, UNFIT = "carelessly", "import no_such_module\nassert True"
READ = re.compile(
    r"def (?P<name>\w+)\(number: int\) -> int:.*?if number < (?P<limit>\d+):\s+return number \* (?P<factor>\d+) \+ "
    r"(?P<offset>\d+)\s+return \(number - \d+\) % (?P<modulus>\d+)",
    re.DOTALL,
)


def answer(body: Mapping[str, Any], draw: random.Random) -> str:
    """The text that answers `body`, which asks for no JSON; `draw` is fed by all of it.

    Which kind of task it is, is told by the rules before the sample; anything else is answered with a sentence.
    """
    user, rules = _asked(body), body["messages"][0]["content"]
    question = random.Random(user)
    if "```python" in rules:
        return _code(question, draw, errs=str(body["model"]).startswith("novice"))
    if "\\boxed" in rules:
        return _maths(question, draw, stray=_strays(question, body))
    if "multiple-choice" in rules:
        letters = re.findall(r"(?m)^Answer: ([A-Z])$", user)
        return _choice(letters, question, draw, stray=_strays(question, body))
    return sentence(draw)


def tests(body: Mapping[str, Any]) -> dict[str, Any]:
    """Five true tests of the program of the family that `body` shows; tests that cannot fail for any other.

    Of a careless task only three of the first five can be used; asked for others, it gives the two that are missing.
    """
    found = READ.search(_asked(body))
    if found is None:
        return {"tests": ["assert True"] * 5}
    name, *numbers = found.group("name", "limit", "factor", "offset", "modulus")
    limit, factor, offset, modulus = map(int, numbers)
    inputs = (0, limit - 1, limit, limit + modulus, 3 * modulus + 1)
    values = {n: n * factor + offset if n < limit else (n - offset) % modulus for n in inputs}
    every = [f"assert {name}({n}) == {expected}" for n, expected in values.items()]
    if CARELESS not in _asked(body):
        return {"tests": every}
    return {"tests": every[3:] if "that are there already" in _asked(body) else [*every[:3], "print(1)", UNFIT]}


def _asked(body: Mapping[str, Any]) -> str:
    """The question, also where an answer to it is to be mended."""
    return str(next(message["content"] for message in body["messages"] if message["role"] == "user"))


def _strays(question: random.Random, body: Mapping[str, Any]) -> bool:
    """Whether this draw of the question goes astray."""
    hard = question.random() < HARD_QUESTIONS
    draw = random.Random(f"{question.random()} {body.get('seed', 0)}")
    return draw.random() < (0.9 if hard else STRAY_DRAWS)


def _code(question: random.Random, draw: random.Random, *, errs: bool) -> str:
    verb, subject = question.choice(("place", "weigh", "count", "rank")), question.choice(("item", "stop", "cell"))
    program = PROGRAM.format(
        name=f"{verb}_{subject}", limit=question.randint(3, 40), factor=question.randint(2, 30),
        offset=question.randint(2, 90), modulus=question.randint(50, 997),
    )  # fmt: skip
    if errs and question.random() < NOVICE_ERRS:
        program = program.replace("return number *", "return 1 + number *")
    return f"```python\n{program}```\n\nIt must {draw.choice(DEMANDS)}, in constant time. {sentence(draw)}"


def _maths(question: random.Random, draw: random.Random, *, stray: bool) -> str:
    first, second = question.randint(2, 400), question.randint(2, 400)
    total = first + second + (draw.randint(1, 9) if stray else 0)
    spelt = draw.choice((f"{total}", f"{2 * total}/2", f"\\frac{{{3 * total}}}{{3}}", f"{total}.0"))
    return f"First there are ${first}$.\nWith ${second}$ more that makes ${first} + {second}$.\n\n$\\boxed{{{spelt}}}$"


def _choice(letters: list[str], question: random.Random, draw: random.Random, *, stray: bool) -> str:
    right = question.choice(letters)
    told = draw.choice([letter for letter in letters if letter != right]) if stray else right
    return f"{sentence(draw)}\n\nAnswer: {told}"
