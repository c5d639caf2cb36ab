"""100 labelled pairs of a row and the benchmarks: copies in disguise, and rows that share boilerplate with an item."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl

from evergrow.methods.quality.contamination import find_contamination
from evergrow.resources.benchmarks import read_benchmarks

SUMS = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips "
    "did Natalia sell altogether in April and May?",
    "Weng earns 12 dollars an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did "
    "she earn from that job?",
    r"Let $f(x) = \frac{3x-2}{x-2}$ and suppose that the curve meets the horizontal asymptote twice. What is the value "
    r"of $f(-2) +f(-1)+f(0)$ for this rational function? Express your answer as a common fraction.",
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take to make "
    "three such robes for the choir?",
)
DISGUISES: tuple[Callable[[str], str], ...] = (
    str.upper,
    lambda text: re.sub(r"\s+", "\n  ", text),
    lambda text: re.sub(r"(\w{3})(\w)", "\\1\u00ad\\2", text),
    lambda text: re.sub(r"(\w)(\w)", "\\1\u200b\\2", text, count=60),
    lambda text: re.sub(r"(\w{2,})", r"<b>\1</b>", text),
    lambda text: text.translate(str.maketrans("aeopcx", "\u0430\u0435\u043e\u0440\u0441\u0445")),
    lambda text: f"Read this and answer in one sentence. {text} Thank you.",
    lambda text: text.replace(" ", "&nbsp;"),
    lambda text: text.replace(r"$f", r"$\displaystyle f").replace("(", r"\left( ").replace(")", r"\, \right)"),
    lambda text: "\n".join(f"> **{line}**" for line in text.splitlines() if line.strip()),
)
FRAMES = (
    "Write a function that takes a list of integers and returns the {} of all the numbers in the given list.",
    'from typing import List\n\n\ndef {}(numbers: List[int]) -> List[int]:\n    """ Return all the numbers """\n',
    "How many {} are there altogether? Give your answer as a number and show how you found it.",
    "assert candidate([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]  # {}",
    "Given a string, write a function that returns True if the string is a {} and False if it is not.",
)
TOPICS = ("harmonic", "lighthouse", "pangram", "glacier", "zigzag", "orchard", "turnstile", "quasar", "mosaic", "ferry")


def pairs() -> list[tuple[str, bool]]:
    human = read_benchmarks(Path("absent"), {"code"}).frame.filter("is_question")["text"].to_list()
    items = [*SUMS, *random.Random(5).sample(human, 46)]
    copies = [(DISGUISES[place % len(DISGUISES)](text), True) for place, text in enumerate(items)]
    return copies + [(frame.format(topic), False) for frame in FRAMES for topic in TOPICS]


def test_copies_are_found_in_any_disguise_and_boilerplate_is_none() -> None:
    human = read_benchmarks(Path("absent"), {"code"}).frame.select("benchmark", "item", "text")
    sums = [("sums", str(number), text) for number, text in enumerate(SUMS)]
    own = [("own", str(number), frame.format("spiral")) for number, frame in enumerate(FRAMES)]
    benchmarks = pl.concat([human, pl.DataFrame([*sums, *own], human.schema, orient="row")])
    labelled = pairs()
    rows = pl.DataFrame(
        [("b", str(number), text, None) for number, (text, _) in enumerate(labelled)],
        dict.fromkeys(("batch", "id", "content", "response"), pl.String),
        orient="row",
    )
    assert rows.height == 100
    found = {int(row_id) for row_id in find_contamination(rows, benchmarks, 10)["id"]}
    right = sum(labelled[number][1] for number in found)
    assert right / len(found) >= 0.95, [labelled[number][0] for number in found if not labelled[number][1]]
    missed = [text for number, (text, copied) in enumerate(labelled) if copied and number not in found]
    assert right / 50 >= 0.9, missed
