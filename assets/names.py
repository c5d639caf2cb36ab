"""Names of assets, partitions, groups and checks. Acceptance checks and users rely on them: they stay."""

import dagster as dg

BATCHES_NAME, TREES_NAME, RELEASES_NAME = "batch", "tree", "release"
BATCHES = dg.DynamicPartitionsDefinition(name=BATCHES_NAME)
TREES = dg.DynamicPartitionsDefinition(name=TREES_NAME)
RELEASES = dg.DynamicPartitionsDefinition(name=RELEASES_NAME)
MAIN = "main"  # the release that is meant where none is named
SEEDS = dg.AssetKey(["evolution", "seeds"])
COLLECTED = dg.AssetKey(["evolution", "collected"])
RESPONSES = dg.AssetKey(["dataset", "responses"])
VERIFIED = dg.AssetKey(["dataset", "verified"])
CLEAN = dg.AssetKey(["dataset", "clean"])
RELEASE = dg.AssetKey(["dataset", "release"])
MODELS_NAME = "model"
MODELS = dg.DynamicPartitionsDefinition(name=MODELS_NAME)
JUDGE = dg.AssetKey(["trust", "judge"])
SCORES = dg.AssetKey(["evaluation", "scores"])
MEASURED_NAME = "of"  # batch:B, tree:T, release:N
MEASURED = dg.DynamicPartitionsDefinition(name=MEASURED_NAME)
MEASURES = dg.AssetKey(["quality", "measures"])
MAP = dg.AssetKey(["quality", "map"])
PAGE = dg.AssetKey(["quality", "page"])
STAGES = ("instructions", "complexity", "diversity", "accepted")
DIFFICULTY = "difficulty"  # a stage of rounds whose recipe has solvers measure it


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


SAMPLES = dg.AssetKey(["treesynth", "samples"])
ROUTED = dg.AssetKey(["treesynth", "routed"])
BALANCED = dg.AssetKey(["treesynth", "balanced"])
AWARE = dg.AssetKey(["treesynth", "aware"])


def level_key(depth: int) -> dg.AssetKey:
    """The key of a tree's level, such as `treesynth/level_2`; the root is level 0."""
    return dg.AssetKey(["treesynth", f"level_{depth}"])


def shard_names(count: int) -> list[str]:
    """The names of a tree's shards, in the order in which they are made."""
    return [f"s{number:02d}" for number in range(count)]


def tree_shards(count: int) -> dg.MultiPartitionsDefinition:
    """The partitions of a tree's samples: tree x shard."""
    return dg.MultiPartitionsDefinition({"tree": TREES, "shard": dg.StaticPartitionsDefinition(shard_names(count))})


def shard_partition(tree: str, shard: str) -> dg.MultiPartitionKey:
    """The partition of one shard of a tree."""
    return dg.MultiPartitionKey({"tree": tree, "shard": shard})


def remedy(key: dg.AssetKey, whose: str) -> str:
    """The command that makes a table of a batch, tree or release, and what it needs."""
    if key == MEASURES:
        return "evergrow measure --{} {}".format(*whose.partition(":")[::2])
    if key in (MAP, PAGE):
        return "evergrow explore --{} {} --keep".format(*whose.partition(":")[::2])
    commands = {
        JUDGE: f"evergrow judge calibrate --model {whose}",
        SCORES: f"evergrow evaluate --model {whose}",
        ROUTED: f"evergrow tree balance {whose}",
        BALANCED: f"evergrow tree balance {whose}",
        AWARE: f"evergrow tree convert {whose}",
        RELEASE: f"evergrow release --name {whose}",
    }
    if key in commands:
        return commands[key]
    if key.path[0] == "treesynth":
        return f"evergrow tree grow {whose}"
    return f"evergrow {'release' if key.path[0] == 'dataset' else 'run'} --batch {whose}"
