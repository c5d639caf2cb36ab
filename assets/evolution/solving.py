"""What the two solvers are asked, and what a child is to them: a problem whose right answers can be told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import polars as pl

from evergrow.assets.dataset.requests import ANSWER_TOKENS
from evergrow.assets.trust.questions import DRAW_MARK
from evergrow.methods.answering.responses import render_answer
from evergrow.methods.evaluation.problems import Kind, Problem
from evergrow.methods.evaluation.reading import read_final
from evergrow.methods.verification.choices import options, verify_choice
from evergrow.methods.verification.maths import verify_maths
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import PEEKED, Work
from evergrow.resources.settings.dataset import Solvers

SOLVERS = ("solver_strong", "solver_weak")
BY_TESTS: Kind = "code"
MEASURED: tuple[Kind, ...] = ("code", "maths", "choice")


def measurable(task: str, content: str) -> bool:
    """Whether anything tells right answers to a child from wrong ones."""
    return task in (BY_TESTS, "maths") or (task == "choice" and bool(options(content)))


def solver_requests(children: pl.DataFrame, rules: Solvers, packages: Sequence[str] = ()) -> Iterator[Request]:
    """Every child of `id, task, content` as samples of its kind are asked, `draws` times of the strong solver, then of
    the weak one; the request's key is the child's id and the number of the draw, counted over both.
    """
    for child, task, content in children.select("id", "task", "content").iter_rows():
        prompt = render_answer(task, content, packages)
        for number in range(len(SOLVERS) * rules.draws):
            solver, slot = divmod(number, rules.draws)
            yield Request(
                f"{child}{DRAW_MARK}{number}", SOLVERS[solver], prompt.system, prompt.user, None, slot, prompt.version,
                temperature=rules.temperature,
            )  # fmt: skip


def solving_work(children: pl.DataFrame, rules: Solvers, packages: Sequence[str] = ()) -> list[Work]:
    """Having each solver answer `id, task, content`, some of which stand for all."""
    like = list(solver_requests(children.head(PEEKED), rules.model_copy(update={"draws": 1}), packages))
    wanted = children.height * rules.draws
    return [
        Work(name, name, "evolution/", wanted, wanted, [one for one in like if one.role == name], ANSWER_TOKENS)
        for name in SOLVERS
    ]


def programs_of(children: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """`id, content, code`: of each child that is code the first program that a solver wrote, the strong one's first.

    Args:
        children: `id, task, content`.
        answered: `problem, draw, answer`.
    """
    rows, texts = [], texts_of(answered)
    for child, content in children.filter(pl.col("task") == BY_TESTS).select("id", "content").iter_rows():
        problem = Problem(child, "code", content)
        finals = (read_final(problem, text).final for text in texts.get(child, ()))
        code = next((final for final in finals if final is not None), None)
        if code is not None:
            rows.append((child, content, code))
    return pl.DataFrame(rows, schema=dict.fromkeys(("id", "content", "code"), pl.String), orient="row")


def texts_of(answered: pl.DataFrame) -> dict[str, list[str]]:
    """The answers to each problem, in the order of their draws."""
    listed = answered.sort("problem", "draw").group_by("problem", maintain_order=True).agg("answer")
    return dict(listed.iter_rows())


def agreed_problem(
    problem: Problem, texts: Sequence[str], symbolic: Callable[[str, str], bool], min_agreement: float
) -> Problem | None:
    """`problem` with the final answer that most of the strong solver's `texts` give; None where too few agree."""
    finals = [read_final(problem, text).final for text in texts]
    if problem.kind == "maths":
        found = verify_maths(finals, symbolic, min_agreement)
    else:
        found = verify_choice(finals, options(problem.question), None, min_agreement)
    return None if found.chosen is None else replace(problem, answer=finals[found.chosen])
