"""Two runs that were launched for one cause: two daemons that look at once launch both, and one of them is enough."""

import dagster as dg

from evergrow.resources.host.dagster_private import MAX_RETRIES_TAG, RETRY_NUMBER_TAG, RUN_KEY_TAG

TWIN = "evergrow/done_by"  # run tag: the run that has done what the tagged one was launched for


class DoneByTwin(Exception):  # noqa: N818 - it is a state of the work, not a fault
    """Another run has done what this one was launched for; the message names it, and how two runs came to be."""


def require_undone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Refuse a run whose cause, the key that its sensor gave it, another one has already served.

    The lease of what both work on is to be held, so that none of them is at work meanwhile. A run by which a person
    repeats an earlier one is no twin of that; one by which Dagster does is, as the other may have lived after all.

    Raises:
        DoneByTwin: another one has; Dagster does not try this one again.
    """
    key = run.tags.get(RUN_KEY_TAG)
    if key is None:
        return
    served = dg.RunsFilter(tags={RUN_KEY_TAG: key}, statuses=[dg.DagsterRunStatus.SUCCESS])
    others = [one for one in instance.get_runs(served) if one.run_id != run.run_id]
    if RETRY_NUMBER_TAG not in run.tags:
        others = [one for one in others if _first_of(one) != _first_of(run)]
    twin = next(iter(others), None)
    if twin is None:
        return
    instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0", TWIN: twin.run_id})
    raise DoneByTwin(
        f"run {twin.run_id} has done what this run was launched for as well, so nothing was done: two daemons look at "
        "one database, or looked at once; one daemon is enough"
    )


def _first_of(run: dg.DagsterRun) -> str:
    """The run that this one repeats, or a run that this one repeats does; of a first one itself."""
    return run.root_run_id or run.run_id
