"""What verification keeps and catches: `python benchmarks/verification.py [--case NAME] [--all]`.

Each case of verification_cases.txt is an answer that is right, one with a subtle mistake, and the tests of both.
Prints the shares of right answers that pass and of wrong ones that do not, and which were judged otherwise.
"""

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from evergrow.methods.verification.code_tests import read_tests
from evergrow.resources.sandbox.code_verification import verify
from evergrow.resources.sandbox.sandbox import Sandbox
from evergrow.resources.settings import dataset

CASES = Path(__file__).with_name("verification_cases.txt")
_CASE, _PART, _TEST = (re.compile(mark, re.MULTILINE) for mark in (r"^=== (\w+)\n", r"^--- (\w+)\n", r"^-\n"))


@dataclass(frozen=True, slots=True)
class Case:
    """An answer that is right, one that is wrong, and the tests of both, as their writer gave them."""

    name: str
    right: str
    wrong: str
    tests: tuple[str, ...]


def cases(text: str) -> list[Case]:
    """The cases of a file.

    Raises:
        ValueError: what a wrong answer changes does not stand once in the right one.
    """
    _, *parts = _CASE.split(text)
    return [_case(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True)]


def _case(name: str, body: str) -> Case:
    _, *parts = _PART.split(body)
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    if found["answer"].count(found["wrong"]) != 1:
        raise ValueError(f"{name}: what is wrong does not stand once in the answer")
    wrong = found["answer"].replace(found["wrong"], found["with"])
    return Case(name, found["answer"], wrong, tuple(_TEST.split(found["tests"])))


def judged(chosen: Sequence[Case], sandbox: Sandbox, rules: dataset.Verification) -> pl.DataFrame:
    """`name, is_right`, and what `verify` says of each answer."""
    rows = []
    for case in chosen:
        for is_right, code in ((True, case.right), (False, case.wrong)):
            tests = read_tests({"tests": list(case.tests)}, rules.tests, code, sandbox.packages.modules)
            rows.append((f"{case.name}{'' if is_right else ', wrong'}", case.name, is_right, code, list(tests.usable)))
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        **dict.fromkeys(("id", "name"), pl.String), "is_right": pl.Boolean, "code": pl.String,
        "tests": pl.List(pl.String),
    }  # fmt: skip
    answers = pl.DataFrame(rows, schema, orient="row")
    return answers.drop("tests").join(verify(answers, sandbox, rules), on="id", maintain_order="left")


def main() -> None:
    """Judge all cases and print what was kept and caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", help="one of them")
    parser.add_argument("--all", action="store_true", help="show every verdict")
    options = parser.parse_args()
    chosen = [case for case in cases(CASES.read_text(encoding="utf-8")) if options.case in {None, case.name}]
    started = time.perf_counter()
    table = judged(chosen, Sandbox.open(dataset.SandboxSettings()), dataset.Verification())
    seconds = time.perf_counter() - started
    passed = pl.col("verdict") == "pass"
    table = table.with_columns(as_it_should=passed == pl.col("is_right"))
    console = Console(width=160)
    shown = Table("answer", "verdict", "why")
    for row in table.filter(pl.lit(options.all) | ~pl.col("as_it_should")).iter_rows(named=True):
        shown.add_row(row["id"], row["verdict"], row["verdict_detail"] or "")
    console.print(shown)
    for is_right, words in ((True, "right answers kept"), (False, "wrong answers caught")):
        part = table.filter(pl.col("is_right") == is_right)
        count = part["as_it_should"].sum()
        console.print(f"{words}: {count} of {part.height} ({count / part.height:.1%})")
    console.print(f"{table.height / seconds:.1f} answers a second")


if __name__ == "__main__":
    main()
