"""From what is decided for each batch or tree to what a sensor answers."""

from collections.abc import Iterable

import dagster as dg

from evergrow.assets.frontier import Stop

MAX_REQUESTS = 100  # per look: the daemon gives a sensor a minute


def answer(
    context: dg.SensorEvaluationContext, decisions: Iterable[tuple[str, dg.RunRequest | Stop]], nothing: str
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
        if isinstance(decision, Stop):
            said.append(f"{name}: {decision.why}")
            continue
        requests.append(decision)
        if len(requests) == MAX_REQUESTS:
            break
    if not requests:
        return dg.SkipReason("; ".join(said) or nothing)
    for line in said:
        context.log.info(line)
    return dg.SensorResult(run_requests=requests)
