"""What the four stages of a round have in common."""

import hashlib
from collections.abc import Callable, Mapping

import dagster as dg

from evergrow.assets.gates.evolution import EVOLUTION_SUITES
from evergrow.assets.names import BATCHES, gate_name, round_name, stage_key
from evergrow.resources.lake.readable import GATES


def stage_asset(
    round_no: int,
    stage: str,
    *,
    code: object,
    ins: Mapping[str, dg.AssetIn],
    kind: str,
    pool: str | None = None,
) -> Callable[[Callable[..., object]], dg.AssetsDefinition]:
    """Declare the asset of a stage. `code` is whatever changes its rows when it changes: prompts, models, rules."""

    def declare(function: Callable[..., object]) -> dg.AssetsDefinition:
        return dg.asset(
            key=stage_key(round_no, stage),
            group_name=round_name(round_no),
            partitions_def=BATCHES,
            ins=ins,
            code_version=hashlib.sha256(repr(code).encode()).hexdigest()[:12],
            metadata={GATES: [gate_name(stage)]} if stage in EVOLUTION_SUITES else {},
            kinds={kind},
            pool=pool,
        )(function)

    return declare
