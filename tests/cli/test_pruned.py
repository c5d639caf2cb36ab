"""A home whose event log was pruned answers as it did before, and goes on."""

import os
import time
from pathlib import Path

import dagster as dg

from evergrow.cli.main import main
from evergrow.flows.due import What
from evergrow.resources.host.pruning import prune
from tests.cli.conftest import Evergrow
from tests.conftest import FakeEndpoint
from tests.platform import Platform

ASKED = (
    ("status", "--json"),
    ("trace", "s0_0", "--json"),
    ("cost", "--json"),
    ("show", "b", "--json"),
    ("plan", "--batch", "b", "--json"),
)


def test_a_pruned_home_answers_as_before_and_goes_on(grown: Evergrow, fake_endpoint: FakeEndpoint) -> None:
    dagster = Path(os.environ["EVERGROW_HOME"]) / "dagster"
    before = [grown(*arguments) for arguments in ASKED]
    held = size(dagster)

    with dg.DagsterInstance.from_config(str(dagster)) as instance:
        due = standings(instance)
        runs, gone, _ = prune(instance, 0.0, time.time() + 60)
        assert standings(instance) == due

    assert runs > 0
    assert gone > 0
    assert size(dagster) < held
    assert [grown(*arguments) for arguments in ASKED] == before
    assert main(["run", "--batch", "b", "--rounds", "2", "--set", "evolution.margin=-10"]) == 0
    assert fake_endpoint.stats()["requests"] == 0  # nothing is due


def standings(instance: dg.DagsterInstance) -> dict[str, What | None]:
    """What is due of each table of the batch, by why."""
    platform = Platform(instance, {"evolution": {"rounds": 2, "margin": -10}})
    found = {key: platform.due(key, "b") for key, table in platform.frontier.tables.items() if table.kind == "batch"}
    return {key.to_user_string(): reason.what if reason else None for key, reason in found.items()}


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.db"))
