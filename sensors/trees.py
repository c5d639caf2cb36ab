"""A tree whose level passed its gate goes on to the next one, and to its samples after the last."""

from collections.abc import Sequence

import dagster as dg

from evergrow.assets.names import TREES
from evergrow.flows.frontier import NEVER_MADE, OTHER_CODE, Stop
from evergrow.flows.runs import under_way
from evergrow.flows.tree_frontier import Step, steps
from evergrow.resources.lake.versions import latest_materialization
from evergrow.resources.ledger import Ledger
from evergrow.resources.llm.budget import room
from evergrow.resources.registry.registry import Registry
from evergrow.resources.registry.trees import TreeError, tree_spec
from evergrow.resources.settings import Settings
from evergrow.sensors.answer import answer, once, worked_on


def next_level_sensor(settings: Settings, parts: dg.Definitions) -> dg.SensorDefinition:
    """The sensor that launches, for each tree that was begun, the table after its last one whose gate is open.

    parts: the assets and jobs of trees.
    """
    jobs: Sequence[dg.JobDefinition | dg.UnresolvedAssetJobDefinition] = list(parts.jobs or ())

    @dg.sensor(
        name="next_level",
        jobs=jobs,
        minimum_interval_seconds=settings.sensors.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts the next level of every tree whose last one passed its gate, and the shards of its samples "
        "after the last level; stops at the budget. A tree is begun by `evergrow tree grow`, or by its level 0.",
    )
    def next_level(
        context: dg.SensorEvaluationContext, registry: dg.ResourceParam[Registry], ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult | dg.SkipReason:
        busy = under_way(context.instance, registry)
        trees = TREES.get_partition_keys(dynamic_partitions_store=context.instance)
        decisions = (
            (tree, worked_on(registry, busy, tree) or decide(context.instance, parts, registry, ledger, settings, tree))
            for tree in trees
        )
        return answer(context, decisions, "no tree is registered")

    return next_level


def decide(  # noqa: PLR0917 - what a decision rests on
    instance: dg.DagsterInstance,
    parts: dg.Definitions,
    registry: Registry,
    ledger: Ledger,
    settings: Settings,
    tree: str,
) -> dg.RunRequest | Stop:
    """The run that takes the tree on, or why there is none."""
    try:
        return _decide(instance, parts, registry, ledger, settings, tree)
    except (TreeError, dg.Failure) as error:  # one tree whose domain is gone must not hold up the others
        return Stop(getattr(error, "description", None) or str(error))


def _decide(  # noqa: PLR0917 - as above
    instance: dg.DagsterInstance,
    parts: dg.Definitions,
    registry: Registry,
    ledger: Ledger,
    settings: Settings,
    tree: str,
) -> dg.RunRequest | Stop:
    if stop := _barred(registry, ledger, settings, tree):
        return stop
    before: Step | None = None
    for step in steps(instance, parts, registry, settings, tree):
        if step.why is None:
            before = step
            continue
        if before is None and step.why == NEVER_MADE:
            return Stop("it was not begun; `evergrow tree grow` does it, or level 0 in the UI")
        if step.held:
            return Stop(f"{step.key.to_user_string()} is not let through: {step.why}")
        if step.why == OTHER_CODE:  # it would be paid for once more, for a change that may have been meant for others
            return Stop(f"{step.key.to_user_string()}: {step.why}; `evergrow tree grow {tree}` makes it anew")
        return once(instance, _request(instance, step, before, tree), f"`evergrow tree grow {tree}`")
    return Stop("it is grown and its samples are written")


def _barred(registry: Registry, ledger: Ledger, settings: Settings, tree: str) -> Stop | None:
    """Whether nothing of the tree may start, whatever has been made: its budget is spent, or it is too deep."""
    depth, most = tree_spec(registry, tree).max_depth, settings.treesynth.max_depth
    if depth > most:
        return Stop(f"it is {depth} levels deep, treesynth.max_depth is {most}: raise it, then reload the definitions")
    full = room(settings, ledger, tree)
    return Stop(full) if full else None


def _request(instance: dg.DagsterInstance, step: Step, before: Step | None, tree: str) -> dg.RunRequest:
    cause = latest_materialization(instance, before.key, before.partition) if before else None
    name = cause.storage_id if cause else "root"
    return dg.RunRequest(
        run_key=f"{tree}:{step.partition}:{step.job}:{name}:{step.why}",  # one cause launches one run
        job_name=step.job,
        partition_key=step.partition,
        tags={"evergrow/batch": tree, "evergrow/cause": str(name)},
    )
