"""A batch's way through its rounds, as data; and a pass over it, headless, which resumes."""

from collections.abc import Iterator

from evergrow.assets.names import COLLECTED, DIFFICULTY, SEEDS, STAGES, round_name, stage_key
from evergrow.flows.due import What
from evergrow.flows.recipes import settings_of
from evergrow.flows.run import OutOfBudget, Say, resumable
from evergrow.flows.runs import close_dead_runs
from evergrow.flows.step import Anew, Step, bring
from evergrow.flows.submissions import Awaited, look_for_answers
from evergrow.flows.workspace import Workspace
from evergrow.resources.llm.budget import room
from evergrow.resources.models import FRESH_SINCE
from evergrow.resources.registry.batches import begin_fresh, end_fresh, fresh_since
from evergrow.resources.registry.leases import lease
from evergrow.resources.settings import Settings


def evolution_steps(settings: Settings, batch: str) -> Iterator[Step]:
    """Seeds, the rounds of the batch's recipe, and the collection, in the order in which they are made."""
    yield Step("seeds", [SEEDS], batch, "seeds")
    for n in range(1, settings.evolution.rounds + 1):
        yield Step(round_name(n), [stage_key(n, stage) for stage in stages_of(settings)], batch, round_name(n))
    yield Step("collected", [COLLECTED], batch, "collected")


def stages_of(settings: Settings) -> tuple[str, ...]:
    """The stages of a round, in the order in which they are made."""
    measured = () if settings.evolution.difficulty == "judge" else (DIFFICULTY,)
    return (*STAGES[:-1], *measured, STAGES[-1])


def next_round_no(workspace: Workspace, batch: str) -> int:
    """The first round of which something is to be made; one more than the last if there is none."""
    settings = settings_of(workspace, "batch", batch)
    rounds = settings.evolution.rounds
    for n in range(1, rounds + 1):
        for stage in stages_of(settings):
            due = workspace.frontier.due(workspace.instance, stage_key(n, stage), batch)
            if due and due.what is not What.JUDGE:
                return n
    return rounds + 1


def run_batch(workspace: Workspace, batch: str, say: Say, *, fresh: bool = False) -> bool:
    """Every step of a batch of which something is due: its seeds, its rounds, its collection.

    Args:
        workspace: where.
        batch: a registered batch.
        say: told what is done, and why.
        fresh: do all steps, and ask models anew even where the ledger has their answers.

    Returns whether the batch is through; if not, a step waits for a Batch API, which is said.

    Raises:
        BatchFailed: a Batch API ended without answers.
        BatchBusy: another run is working on the batch.
        OutOfBudget: the budget ended the first round, or let none begin, so that there is nothing to collect.
        RunFailed: a step failed, its gate did not pass, or it was interrupted; what was done before stays.
    """
    # Held throughout, not run by run: between two rounds a sensor, or a second command, would find the batch free.
    close_dead_runs(workspace.instance, workspace.registry)
    with resumable(f"evergrow run --batch {batch}"), lease(workspace.registry, batch):
        # Kept until the batch is through: a command that goes on after an interruption must neither pay twice for what
        # was asked since, nor fall back to the older answers.
        if fresh:
            begin_fresh(workspace.registry, batch)
        since = fresh_since(workspace.registry, batch)
        awaited = look_for_answers(workspace, batch, say)
        through = not awaited.open and _run_steps(workspace, batch, say, since, awaited)
        if through:
            end_fresh(workspace.registry, batch)
        return through


def _run_steps(workspace: Workspace, batch: str, say: Say, since: float, awaited: Awaited) -> bool:
    """Whether the batch is through; else a step waits for a Batch API."""
    settings = settings_of(workspace, "batch", batch)
    anew = Anew(since, awaited.tables, {FRESH_SINCE: str(since)} if since else awaited.tags)
    spent = False
    for step in evolution_steps(settings, batch):
        if step.job.startswith("round"):
            if not spent and (stop := _no_budget(workspace, settings, step, batch)):
                if not workspace.made_rounds(batch):
                    raise OutOfBudget(stop)
                say(f"no round after this one: {stop}")
                spent = True
            if spent:
                continue
        try:
            if waiting := bring(workspace, step, batch, say, anew):
                say(f"{step.label} of batch {batch!r} is {waiting}")
                return False
        except OutOfBudget as end:
            say(f"{step.label} ends here: {end}")
            if not workspace.made_rounds(batch):
                raise
            spent = True
    return True


def _no_budget(workspace: Workspace, settings: Settings, step: Step, batch: str) -> str | None:
    """Why a round that is not made yet must not start, or None."""
    if workspace.frontier.due(workspace.instance, step.keys[-1], batch) is None:
        return None
    with workspace.ledger() as ledger:
        return room(settings, ledger, batch)
