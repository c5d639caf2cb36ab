"""Whose a run is: the batch, tree or release that it works on, by the name of its lease."""

from pathlib import Path

import dagster as dg

from evergrow.resources.host.dagster_private import PARTITION_NAME_TAG
from evergrow.resources.registry.owner_names import owner

EXPORT = "export "
RELEASE = ["dataset", "release"]  # the table whose partitions are releases, which have names of their own


def release_owner(name: str) -> str:
    """Who holds the lease on a release: a batch or tree may be called as it is."""
    return f"release {name}"


def export_owner(folder: Path) -> str:
    """Who holds the lease on a folder while an export is written into it."""
    return f"{EXPORT}{folder.resolve()}"


def owner_of(run: dg.DagsterRun) -> str | None:
    """The batch, tree or release that a run works on; None if it works on no partition."""
    partition = run.tags.get(PARTITION_NAME_TAG)
    if partition is None:
        return None
    released = run.job_name == RELEASE[-1] or any(list(key.path) == RELEASE for key in run.asset_selection or ())
    return release_owner(partition) if released else owner(partition)
