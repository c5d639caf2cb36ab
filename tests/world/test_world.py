"""A few simulated worlds, and a few of the points at which commands die: `make soak` and `make crashes` do many more.

A world takes 5 to 10 s of a processor, nearly all of it in Dagster's runs of its commands and in their event log.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.world.crashes import Walk
from tests.world.machine import Machine, machine
from tests.world.rules import run_world
from tests.world.world import World
from tests.world.zygote import Zygote

LEAST = 20  # worlds that are simulated however late it is
STEPS = 8  # rules in a world
SCENE = "run"  # the other scenes take longer to set
KILLED = 2, 5  # at this share of its points
STATES = 5  # of those that it leaves at its points, spread evenly


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, known_vectors: Path, zygote_place: Path) -> Iterator[Machine]:
    with (
        closing(Zygote(zygote_place)) as forking,
        machine(tmp_path_factory.mktemp("machine"), forking, known_vectors) as made,
    ):
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first, count = metafunc.config.getoption("--first-world"), metafunc.config.getoption("--worlds")
        metafunc.parametrize("seed", range(first, first + count))


def test_a_world_holds(shared: Machine, tmp_path: Path, seed: int, pytestconfig: pytest.Config) -> None:
    first, until = pytestconfig.getoption("--first-world"), pytestconfig.getoption("--worlds-until")
    if until is not None and seed >= first + LEAST and time.time() > until:
        pytest.skip("the time for worlds is over")
    run_world(shared, seed, tmp_path, STEPS)


@pytest.fixture(scope="module")
def walk(shared: Machine, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return Walk(shared, tmp_path_factory.mktemp("walk"), SCENE)


def test_what_a_command_leaves_where_it_dies_is_gone_on_from_as_if_it_had_not_died(walk: Walk) -> None:
    assert {"commit", "fsync", "rename", "send"} <= set(walk.kinds)
    for moment in walk.moments[:: len(walk.moments) // STATES]:
        walk.go_on(moment)


def test_a_command_that_is_killed_ends_as_if_it_had_not_been(walk: Walk) -> None:
    part, whole = KILLED
    walk.kill_at(len(walk.points) * part // whole)


def test_an_older_event_log_is_caught_up_with_for_nothing(shared: Machine, tmp_path: Path) -> None:
    world = World(shared, tmp_path, 0)
    world.add("a", 0, 2)
    world.snapshot()
    world.must("run", "--batch", "a")
    asked = world.requests()
    world.restore()
    assert not world.made("a")

    world.must("run", "--batch", "a")

    assert world.made("a")
    assert world.requests() == asked > 0
    world.check()
    world.check_canary()
