"""Texts to vectors by an endpoint's /embeddings: through the engine, the ledger and the budget, as every request."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from evergrow.methods.text.answers import storable
from evergrow.methods.text.counts import counted
from evergrow.resources.embedding.endpoint_vectors import Answers
from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.host.progress import Progress
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.engine import Engine
from evergrow.resources.llm.faults import EndpointError, FaultClass
from evergrow.resources.llm.requests import Answered, Attribution, Failed, Invalid, Outcome, Refused, Request
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import EMBEDDING

MOST_TEXTS = 32  # of a request: text-embeddings-inference takes no more, as it is set up
BATCH_TOKENS = 32_768
Keep = Callable[[Sequence[int], np.ndarray], None]


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose requests for vectors are asked, under which settings, and where they are kept and shown."""

    settings: Settings
    ledger: Ledger
    who: Attribution
    progress: Progress


@dataclass(frozen=True, slots=True)
class Space:
    """What the vectors that are asked for must go with: the model's `identity`, and the `width` of those that are kept;
    None: none is."""

    identity: str
    width: int | None


def batches_of(texts: Sequence[str], order: Iterable[int], tokens: int) -> list[list[int]]:
    """Places of `texts`, taken in this `order`, in batches of at most `MOST_TEXTS` and `tokens`; a text is never cut.

    A token is counted for every byte, which is the most that there can be.
    """
    found: list[list[int]] = []
    room = 0
    for at in order:
        size = len(texts[at].encode(errors="replace"))
        if not found or size > room or len(found[-1]) == MOST_TEXTS:
            found.append([])
            room = tokens
        found[-1].append(at)
        room -= size
    return found


def embed(
    payer: Payer, texts: Sequence[str], batches: Sequence[Sequence[int]], space: Space, keep: Keep
) -> dict[str, Any]:
    """Ask for the vectors of `batches` of `texts`, and give each to `keep` with the places that it is for.

    A batch that is too long for the endpoint is asked text by text. An event loop of its own runs it, in a thread of
    its own: the caller may be in one.

    Args:
        payer: who asks.
        texts: what the batches are of.
        batches: places of texts that are asked for together.
        space: what they must go with.
        keep: takes places and float32 (places, width) vectors of length 1.

    Returns:
        What was asked and spent, as `Engine.summary` has it.

    Raises:
        EmbedderError: a vector could not be had, or the endpoint's are of another width than those that are kept; what
            came was kept.
        EndpointError, BudgetReached, SettingsError, LedgerError: as `Engine.ask`.
    """
    answers = Answers(space.width)

    def requests(batches: Sequence[Sequence[int]]) -> Iterator[Request]:
        return (
            Request(
                key=str(number),
                role=EMBEDDING,
                system="",
                user="",
                schema=None,
                # There are servers that take no empty text.
                texts=tuple(storable(texts[at]) or " " for at in batch),
                space=space.identity,
                parse=partial(answers.read, len(batch)),
            )
            for number, batch in enumerate(batches)
        )

    async def ask() -> dict[str, Any]:
        async with Engine.open(payer.settings, payer.ledger, payer.who, payer.progress) as engine:
            failed = await _pass(engine, requests(batches), batches, answers, keep)
            long = [batch for batch, outcome in failed if _too_long(outcome) and len(batch) > 1]
            failed = [one for one in failed if one[0] not in long]
            alone = [[at] for batch in long for at in batch]
            if alone:
                failed += await _pass(engine, requests(alone), alone, answers, keep)
            if failed:
                raise EmbedderError(_words(failed, texts))
            return engine.summary()

    return _apart(ask)


Missed = list[tuple[Sequence[int], Outcome[np.ndarray]]]


async def _pass(
    engine: Engine, requests: Iterable[Request], batches: Sequence[Sequence[int]], answers: Answers, keep: Keep
) -> Missed:
    """Ask for all batches by `requests`, and keep what comes; those of which nothing came.

    Raises:
        EmbedderError: the endpoint's vectors are of another width than those that are kept: asking on would only cost.
    """
    missed: Missed = []
    left = set(range(len(batches)))
    outcomes = engine.ask(requests, partial(answers.read, 1), label="embeddings", total=len(batches))
    try:
        async for outcome in outcomes:
            number = int(outcome.request.key)
            left.discard(number)
            if isinstance(outcome, Answered):
                keep(batches[number], outcome.value)
            elif isinstance(outcome, Invalid) and answers.other:
                raise EmbedderError(
                    f"the endpoint answers vectors of {answers.other:,} numbers, and those that are kept of "
                    f"{outcome.request.space} have {answers.width:,}: it serves another model now; have it serve the "
                    "one before, or give embedding.model another name, under which all are made anew"
                )
            else:
                missed.append((batches[number], outcome))
    except EndpointError:
        # All that were asked were too long, which says nothing of the endpoint.
        if not missed or not all(_too_long(outcome) for _, outcome in missed):
            raise
    return missed + [(batches[number], missed[0][1]) for number in sorted(left)]


def _too_long(outcome: Outcome[np.ndarray]) -> bool:
    return isinstance(outcome, Failed) and outcome.error_class == FaultClass.CONTEXT.value


def _words(failed: Missed, texts: Sequence[str]) -> str:
    batch, outcome = failed[0]
    count = sum(len(missed) for missed, _ in failed)
    match outcome:
        case Failed(message=why, remedy=remedy) | Invalid(reason=why, remedy=remedy):
            pass
        case Refused(reason=why):
            remedy = ""
    size = f" (of {len(texts[batch[0]]):,} characters)" if len(batch) == 1 else ""
    helps = remedy or "see `evergrow calls --errors`"
    none = counted(count, "texts have no vector", "text has no vector")
    return f"{none}, the first{size}: {why}; {helps}; then run again: what came is kept"


def _apart(work: Callable[[], Any]) -> dict[str, Any]:
    """What `work` returns or raises, in an event loop and a thread of its own; an interrupt cancels it in order."""
    loop = asyncio.new_event_loop()
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = loop.run_until_complete(task)
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            outcome["error"] = error

    task = loop.create_task(work())
    thread = threading.Thread(target=run, name="embeddings")
    thread.start()
    try:
        thread.join()
    except BaseException:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    finally:
        loop.close()
    if "error" in outcome:
        raise outcome["error"]
    return dict(outcome["value"])
