"""What the responder and the tester are asked: one request a draw, one a program, rendered as it is taken."""

from collections.abc import Iterator, Sequence
from functools import partial

import polars as pl

from evergrow.methods.answering.responses import read_response, render_answer
from evergrow.methods.answering.tasks import Task
from evergrow.methods.verification.choices import options
from evergrow.methods.verification.code_tests import WrittenTests, read_tests, render_tests
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import PEEKED, Work
from evergrow.resources.settings import dataset

ASKED: tuple[Task, ...] = ("code", "maths", "choice", "text")
VOTED = ("maths", "choice")  # kinds of task whose answers are verified by agreement
DRAW_MARK = "#"  # of a request's key: the number of the sample's row, then of the draw
ANSWER_TOKENS, TESTS_TOKENS = 600, 300  # of an answer, roughly; only while there is no history


def draws(votes: int) -> pl.Expr:
    """How many answers a sample gets, by its column `task`."""
    return pl.when(pl.col("task").is_in(VOTED)).then(votes).otherwise(1)


def responder_requests(
    asked: pl.DataFrame, answers: dataset.Answers, packages: Sequence[str] = ()
) -> Iterator[Request]:
    """The draws of `row, task, content`, lazily: the first one as the role says, the others warmer."""
    for row, task, content, wanted in asked.select("row", "task", "content", draws(answers.votes)).iter_rows():
        letters = options(content) if task == "choice" else ()
        prompt, read = render_answer(task, content, packages), partial(read_response, task, letters=letters)
        for draw in range(wanted):
            yield Request(
                f"{row}{DRAW_MARK}{draw}", "responder", prompt.system, prompt.user, prompt.schema, draw, prompt.version,
                parse=read, temperature=answers.vote_temperature if draw else None,
            )  # fmt: skip


def tester_requests(programs: pl.DataFrame, rules: dataset.Verification, packages: Sequence[str]) -> Iterator[Request]:
    """The tests of `id, content, code`, lazily; with `tests, dropped` of an earlier answer, those that are missing."""
    asked = programs.with_columns(
        pl.lit(None, pl.List(pl.String)).alias(name) for name in ("tests", "dropped") if name not in programs.columns
    )
    for name, content, code, *before in asked.select("id", "content", "code", "tests", "dropped").iter_rows():
        earlier = WrittenTests(*(tuple(texts or ()) for texts in before))
        missing = rules.tests - len(earlier.usable)
        prompt = render_tests(content, code, missing, packages, earlier)
        read = partial(read_tests, most=missing, code=code, packages=packages)
        yield Request(name, "tester", prompt.system, prompt.user, prompt.schema, 0, prompt.version, parse=read)


def answers_work(asked: pl.DataFrame, answers: dataset.Answers, packages: Sequence[str] = ()) -> Work:
    """Asking for all draws of `row, task, content`, of whom some stand for all."""
    total = asked.select(draws(answers.votes).sum()).item() or 0
    like = list(responder_requests(asked.head(PEEKED), answers.model_copy(update={"votes": 1}), packages))
    return Work("responses", "responder", "dataset/responses", total, total, like, ANSWER_TOKENS)


def tests_work(programs: pl.DataFrame, rules: dataset.Verification, packages: Sequence[str]) -> Work:
    """Asking for the tests of `id, content, code`, of whom some stand for all."""
    like = list(tester_requests(programs.head(PEEKED), rules, packages))
    return Work("tests", "tester", "dataset/verified", programs.height, programs.height, like, TESTS_TOKENS)
