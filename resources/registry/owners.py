"""Whose a run is: the batch, tree, release or model that it works on, by the name of its lease."""

from collections.abc import Collection
from pathlib import Path

import dagster as dg

from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG
from evergrow.resources.ledger.owner_kinds import MEASURED, kind_of
from evergrow.resources.registry.owner_names import owner

EXPORT = "export "
RELEASE = ["dataset", "release"]  # the table whose partitions are releases
OF_JOBS = {"tree_": "tree", "release": "release", "judge": "model", "scores": "model"}  # how the names of jobs begin


def lease_name(kind: str, name: str) -> str:
    """What the lease on an owner is called: others of its name, of other kinds, are held by others.

    kind: batch, tree, release, model or set; the name of a set begins with its kind.
    """
    return name if kind in ("batch", "set") else f"{kind} {name}"


def release_owner(name: str) -> str:
    """Who holds the lease on a release."""
    return lease_name("release", name)


def tree_owner(name: str) -> str:
    """Who holds the lease on a tree, whose samples become a batch of its name."""
    return lease_name("tree", name)


def export_owner(folder: Path) -> str:
    """Who holds the lease on a folder while an export is written into it."""
    return f"{EXPORT}{folder.resolve()}"


def owner_of(run: dg.DagsterRun) -> str | None:
    """What a run works on, by the name of its lease; None if it works on no partition."""
    partition = run.tags.get(PARTITION_NAME_TAG)
    if partition is None:
        return None
    checked = (check.asset_key for check in run.asset_check_selection or ())
    keys = {key.to_user_string() for key in (*(run.asset_selection or ()), *checked)}
    return owner_at_work(run.job_name, keys, partition)


def owner_at_work(job: str, assets: Collection[str], partition: str) -> str:
    """What a run of a job, or of these assets, works on with a partition of theirs, by the name of its lease."""
    kinds = {kind for begin, kind in OF_JOBS.items() if job.startswith(begin)}
    kinds |= {kind_of(asset, partition) for asset in assets if not asset.startswith(MEASURED)}
    return lease_name(next((kind for kind in ("tree", "release", "model") if kind in kinds), "batch"), owner(partition))
