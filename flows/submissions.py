"""Answers of Batch APIs, for the command: looks once for what has come, and says what is still to come."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evergrow.flows.workspace import Workspace
from evergrow.resources.ledger import State
from evergrow.resources.llm.batch_api import told
from evergrow.resources.models import FRESH_SINCE


class BatchFailed(Exception):  # noqa: N818 - it says what the endpoint did with the submission
    """An endpoint ended a submission without answers, or cannot be asked after one; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a batch waits for.

    open: whether answers are still to come. tables: those that can go on now, by asset key.
    tags: of the run that goes on, so that it takes the answers for what the first run asked for.
    """

    open: bool = False
    tables: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)


def look_for_answers(workspace: Workspace, batch: str, say: Callable[[str], None]) -> Awaited:
    """Fetch the answers that have come for `batch`.

    Raises:
        BatchFailed: an endpoint gave a submission up, or cannot be asked.
    """
    with workspace.ledger() as ledger:
        handed_in = tuple(set(State) - {State.DRAFT, State.TAKEN})
        waiting = ledger.submissions.find(handed_in, batch=batch, kind="batch")
        if not waiting:
            return Awaited()
        from evergrow.resources.llm.batch_api.polling import poll  # noqa: PLC0415 - imports the SDK

        looks = asyncio.run(poll(workspace.settings, ledger, batch=batch, kind="batch"))
        ready = ledger.submissions.find((State.UPLOADED, State.FETCHED), batch=batch, kind="batch")
    for look in looks:
        say(told(look.submission))
        if look.fault and look.submission.state is not State.UPLOADED:
            raise BatchFailed(f"cannot fetch {told(look.submission)}: {look.fault}")
        if look.submission.broken:
            raise BatchFailed(
                f"{told(look.submission)}; mend the cause, then `evergrow run --batch {batch}` hands in anew what has "
                "no answer"
            )
    if open_ := [look for look in looks if look.submission.state in (State.SUBMITTED, State.FINISHED)]:
        say(f"batch {batch!r} still waits for {len(open_)} of {len(looks)} submissions; run this again later")
        return Awaited(open=True)
    runs = [workspace.instance.get_run_by_id(submission.run_id) for submission in ready]
    since = [run.tags[FRESH_SINCE] for run in runs if run and FRESH_SINCE in run.tags]
    tags = {FRESH_SINCE: max(since, key=float)} if since else {}
    return Awaited(tables=frozenset(submission.asset for submission in ready), tags=tags)
