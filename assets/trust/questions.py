"""What judges and models are asked to be measured, and under whose name."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from evergrow.methods.answering.responses import render_answer
from evergrow.methods.calibration.planted_tasks import planted_readings
from evergrow.methods.evaluation.problems import Problem
from evergrow.methods.evolution import judge as judging
from evergrow.resources.llm import Request
from evergrow.resources.llm.forecast import PEEKED, Work
from evergrow.resources.settings import Settings
from evergrow.resources.settings.growth import Evolution

READING_TOKENS, ANSWER_TOKENS = 200, 500  # of an answer, roughly; only while there is no history
DRAW_MARK = "~"  # between a problem's id and the number of the draw, in a request's key


def asked_of(settings: Settings, role: str, model: str) -> Settings:
    """The settings with `model` in a role; where and how it is asked stays as it is."""
    changed = settings.role(role).model_copy(update={"model": model})
    return settings.model_copy(update={"roles": settings.roles.model_copy(update={role: changed})})


def methods_of(rules: Evolution) -> dict[judging.Judging, int]:
    """How the judge is asked by these rules: the method, with how many readings a score is the mean of."""
    return {rules.judging: rules.readings}


def asked_readings(methods: Mapping[judging.Judging, int]) -> pl.DataFrame:
    """The planted readings by each of these methods: those of `planted_readings`, with `method`, and a `key` of all."""
    every = [planted_readings(together).with_columns(method=pl.lit(name)) for name, together in methods.items()]
    return pl.concat(every).with_columns(key=pl.format("{}:{}#{}", "method", "id", "reading"))


def reading_requests(methods: Mapping[judging.Judging, int]) -> Iterator[Request]:
    """Every planted task as the judge is asked about any task, once a slot: no reading sees another."""
    columns = ("key", "content", "reading", "method")
    for key, content, reading, method in asked_readings(methods).select(columns).iter_rows():
        prompt = judging.render_judge(content, method)
        yield Request(key, "judge", prompt.system, prompt.user, prompt.schema, reading, prompt.version)


def readings_work(methods: Mapping[judging.Judging, int]) -> Work:
    """Reading all planted tasks."""
    like = list(reading_requests(methods))
    return Work("judge", "judge", "trust/judge", len(like), len(like), like, READING_TOKENS)


def answer_requests(problems: Sequence[Problem], draws: int, temperature: float) -> Iterator[Request]:
    """Every problem as samples of its kind are asked, `draws` times."""
    for problem in problems:
        prompt = render_answer(problem.kind, problem.question)
        for draw in range(draws):
            key = f"{problem.id}{DRAW_MARK}{draw}"
            yield Request(
                key, "candidate", prompt.system, prompt.user, None, draw, prompt.version, temperature=temperature
            )


def answers_work(problems: Sequence[Problem], draws: int, temperature: float) -> Work:
    """Answering all problems."""
    like = list(answer_requests(problems[:PEEKED], 1, temperature))
    wanted = draws * len(problems)
    return Work("scores", "candidate", "evaluation/scores", wanted, wanted, like, ANSWER_TOKENS)


def draws_of(keys: pl.Series) -> pl.DataFrame:
    """`problem, draw` of the keys of requests."""
    parts = keys.str.extract_groups(rf"^(?<problem>.*){DRAW_MARK}(?<draw>\d+)$").struct.unnest()
    return parts.with_columns(pl.col("draw").cast(pl.Int64))
