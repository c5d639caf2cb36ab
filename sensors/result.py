"""From what is decided for each batch or tree to what a sensor answers."""

from collections.abc import Iterable, Mapping

import dagster as dg

from evergrow.flows.automation import Idle
from evergrow.flows.pools import make_pools
from evergrow.flows.runs import launched
from evergrow.resources.registry.leases import held
from evergrow.resources.registry.owners import lease_name
from evergrow.resources.registry.recipes import Recipe
from evergrow.resources.registry.registry import Registry
from evergrow.resources.settings.recipe import AUTOMATE

MAX_REQUESTS = 100  # per look: the daemon gives a sensor a minute


def answer(
    context: dg.SensorEvaluationContext, decisions: Iterable[tuple[str, dg.RunRequest | Idle]], nothing: str
) -> dg.SensorResult | dg.SkipReason:
    """The runs to launch, at most `MAX_REQUESTS`, or why there is none; what is not launched is said in the tick's log.

    Args:
        context: of the look.
        decisions: by name of batch or tree; no more are made once there are runs enough.
        nothing: the reason where there is no name at all.
    """
    requests: list[dg.RunRequest] = []
    said: list[str] = []
    for name, decision in decisions:
        if isinstance(decision, Idle):
            said.append(f"{name}: {decision.why}")
            continue
        requests.append(decision)
        if len(requests) == MAX_REQUESTS:
            break
    if not requests:
        return dg.SkipReason("; ".join(said) or nothing)
    for line in said:
        context.log.info(line)
    make_pools(context.instance)
    return dg.SensorResult(run_requests=requests)


def worked_on(registry: Registry, busy: Mapping[str, str], recipe: Recipe) -> Idle | None:
    """Whether the owner of a recipe is to be left alone for now; `busy` names the runs that are not over."""
    names = [lease_name(recipe.kind, recipe.name)]
    if recipe.kind == "tree" and recipe.values.get(AUTOMATE) == "release":  # its samples are a batch of its name
        names.append(lease_name("batch", recipe.name))
    for name in names:
        if name in busy:
            return Idle(f"run {busy[name]} is working on it")
        # A command holds it between two runs as well: a run that is launched then would only fail.
        if held(registry, name):
            return Idle("a command is working on it")
    return None


def once(instance: dg.DagsterInstance, request: dg.RunRequest, again: str) -> dg.RunRequest | Idle:
    """`request`, unless its key has launched a run before: a run that failed is for a person to look at.

    again: what a person can do once the cause is mended.
    """
    if run := launched(instance, str(request.run_key)):
        return Idle(
            f"{request.job_name} was started and ended in {run.status.value} (run {run.run_id}); "
            f"mend the cause, then {again}"
        )
    return request
