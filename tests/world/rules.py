"""What can happen in a world, as rules of a state machine, and worlds by their seed."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.world.machine import Machine
from tests.world.world import OUTAGES, World, swarm

SECOND = st.sampled_from(["a", "b"])
# The simplest draw is no world at all: hypothesis begins each search with it.
LIVE = st.integers(0, 1_000).map(bool)
POINT = st.integers(0, 700)  # of a run's syncs, commits, renames and sends


def worlds(machine: Machine, seed: int, folder: Path) -> type[RuleBasedStateMachine]:  # noqa: C901 - a list of rules
    """The rules, bound to a machine and to a folder for their worlds."""

    class Worlds(RuleBasedStateMachine):
        """Each instance is one world."""

        def __init__(self) -> None:
            super().__init__()
            self.world: World | None = None

        @initialize(live=LIVE, count=st.integers(2, 3))
        def begin(self, live: bool, count: int) -> None:
            if live:
                home = folder / f"world-{seed}"
                shutil.rmtree(home, ignore_errors=True)  # of a search that repeats what has failed
                home.mkdir(parents=True)
                self.world = World(machine, home, seed)
                self.world.add("a", 0, count)

        @property
        def it(self) -> World:
            assert self.world is not None
            return self.world

        def has(self) -> bool:
            return self.world is not None

        def known(self, batch: str) -> str:
            """The batch, if there is one of this name, else the first."""
            return batch if batch in self.it.rounds else "a"

        @precondition(lambda self: not self.has())
        @rule()
        def a_rest(self) -> None:
            """Nothing, where there is no world."""

        @precondition(lambda self: self.has() and "b" not in self.it.rounds)
        @rule(count=st.integers(1, 2))
        def add_batch(self, count: int) -> None:
            self.it.add("b", 3, count)

        @precondition(has)
        @rule(batch=SECOND)
        def run(self, batch: str) -> None:
            self.it.do("run", "--batch", self.known(batch))

        @precondition(has)
        @rule(batch=SECOND, at=POINT)
        def kill_a_run(self, batch: str, at: int) -> None:
            self.it.do("run", "--batch", self.known(batch), kill_at=at)

        @precondition(has)
        @rule(batch=SECOND, at=st.integers(0, 12), number=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
        def lose_a_worker(self, batch: str, at: int, number: int) -> None:
            """As it sends a request."""
            self.it.do("run", "--batch", self.known(batch), kill_at=at, number=number, kind="send")

        @precondition(has)
        @rule(mix=st.integers(0, 2**16))
        def break_endpoint(self, mix: int) -> None:
            self.it.fault(swarm(mix))

        @precondition(has)
        @rule(kind=st.sampled_from(OUTAGES))
        def close_endpoint(self, kind: str) -> None:
            self.it.fault({kind: 1.0})

        @precondition(has)
        @rule()
        def mend_endpoint(self) -> None:
            self.it.fault({})

        @precondition(has)
        @rule(batch=SECOND, rounds=st.integers(1, 2), children=st.integers(1, 2))
        def change_recipe(self, batch: str, rounds: int, children: int) -> None:
            name = self.known(batch)
            changes = (f"evolution.rounds={rounds}", f"evolution.children={children}")
            self.it.must("recipe", "set", name, "--kind", "batch", *changes)
            self.it.rounds[name] = rounds

        @precondition(has)
        @rule(batch=SECOND)
        def tighten_gate(self, batch: str) -> None:
            self.it.tighten(self.known(batch))

        @precondition(lambda self: self.has() and self.it.tight)
        @rule()
        def loosen_gates(self) -> None:
            for batch in sorted(self.it.tight):
                self.it.loosen(batch)

        @precondition(has)
        @rule(batch=SECOND)
        def release(self, batch: str) -> None:
            self.it.release(self.known(batch))

        @precondition(has)
        @rule(batch=SECOND, at=st.integers(0, 1_000))
        def kill_a_release(self, batch: str, at: int) -> None:
            self.it.release(self.known(batch), kill_at=at)

        @precondition(has)
        @rule(name=st.sampled_from(["x", "y"]), form=st.sampled_from(["chat", "parquet"]))
        def export(self, name: str, form: str) -> None:
            self.it.export(name, form)

        @precondition(has)
        @rule(name=st.sampled_from(["x", "y"]), at=st.integers(0, 60))
        def kill_an_export(self, name: str, at: int) -> None:
            self.it.export(name, "chat", kill_at=at)

        @precondition(has)
        @rule(number=st.integers(0, 4))
        def forget(self, number: int) -> None:
            self.it.forget(f"s{number}")

        @precondition(has)
        @rule(number=st.integers(0, 4), at=st.integers(0, 400))
        def kill_a_forget(self, number: int, at: int) -> None:
            self.it.forget(f"s{number}", kill_at=at)

        @precondition(has)
        @rule()
        def copy_event_log(self) -> None:
            self.it.snapshot()

        @precondition(lambda self: self.has() and (self.it.folder / "snapshot").exists())
        @rule()
        def restore_event_log(self) -> None:
            self.it.restore()

        @precondition(has)
        @rule(draw=st.integers(0, 2**20))
        def damage_lake(self, draw: int) -> None:
            self.it.damage(draw)

        @precondition(has)
        @rule()
        def scrub(self) -> None:
            asked = self.it.requests()
            self.it.do("scrub")
            if self.it.requests() != asked:
                raise self.it.broken("scrub asked a model")

        @precondition(has)
        @rule(what=st.sampled_from(["funnel", "cost", "plan --batch a", "recipe show a", "calls", "forget --seed s0"]))
        def look(self, what: str) -> None:
            self.it.look(what)

        @precondition(has)
        @rule()
        def verify(self) -> None:
            self.it.check_exports()

        @precondition(lambda self: self.has() and self.it.changed)
        @invariant()
        def holds(self) -> None:
            self.it.changed = False
            self.it.check()

        def teardown(self) -> None:
            if self.world is not None:
                self.world.settle()

    return Worlds


def run_world(machine: Machine, seed: int, folder: Path, steps: int) -> None:
    """The world of a seed: the same rules with the same draws whenever it is repeated.

    Raises:
        Broken: something does not hold; hypothesis has printed the rules that led to it.
    """
    bound = worlds(machine, seed, folder)
    settings = hypothesis.settings(
        max_examples=2,  # the first is no world
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
    )
    seeded: Callable[[type[RuleBasedStateMachine]], type[RuleBasedStateMachine]] = hypothesis.seed(seed)
    run_state_machine_as_test(seeded(bound), settings=settings)
