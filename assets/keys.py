"""Names of assets, partitions, groups and checks. Acceptance checks and users rely on them: they stay."""

import dagster as dg

BATCHES_NAME = "batch"
BATCHES = dg.DynamicPartitionsDefinition(name=BATCHES_NAME)
SEEDS = dg.AssetKey(["evolution", "seeds"])
COLLECTED = dg.AssetKey(["evolution", "collected"])
STAGES = ("instructions", "complexity", "diversity", "accepted")


def round_name(round_no: int) -> str:
    """`round_NN`: the group, the job and a part of the keys of a round; rounds count from 1."""
    return f"round_{round_no:02d}"


def stage_key(round_no: int, stage: str) -> dg.AssetKey:
    """The key of a stage of a round, such as `evolution/round_01/accepted`."""
    return dg.AssetKey(["evolution", round_name(round_no), stage])


def parents_key(round_no: int) -> dg.AssetKey:
    """Where the parents of a round come from: the round before, or the seeds."""
    return stage_key(round_no - 1, "accepted") if round_no > 1 else SEEDS


def gate_name(stage: str) -> str:
    """The name of the check that guards a stage."""
    return f"{stage}_gate"
