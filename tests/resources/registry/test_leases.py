"""A batch has one holder over all processes and machines, and none that is dead."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergrow.resources.host.processes import this_process
from evergrow.resources.ledger.database import now
from evergrow.resources.ledger.registry_schema import leases as table
from evergrow.resources.registry import leases
from evergrow.resources.registry.leases import BatchBusy, held, holders, lease
from evergrow.resources.registry.registry import Registry
from tests.properties import examples

HOLD = """
import sys, time
from evergrow.resources.lake.content_files import Files
from evergrow.resources.ledger.database import connect
from evergrow.resources.registry.leases import lease
from evergrow.resources.registry.registry import Registry
with lease(Registry(connect(sys.argv[1]), Files(sys.argv[2])), sys.argv[3], run="run-1"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(registry: Registry, url: str, name: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLD, url, registry.files.locate(""), name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def of_another_host(registry: Registry, *, silent_s: float) -> None:
    """Make the holders processes of another machine, which renewed their leases so long ago."""
    with registry.alone() as connection:
        at = now(connection) - silent_s
        connection.execute(sa.update(table).values(host="far boot-1 4026", renewed_at=at))


def test_a_batch_has_one_holder_and_the_second_learns_who_it_is(registry: Registry, ledger_url: str) -> None:
    with holder(registry, ledger_url, "b1") as process:
        told = rf"'b1'.*process {process.pid}, run run-1, since .*wait"
        with pytest.raises(BatchBusy, match=told), lease(registry, "b1"):
            pass
        assert (found := held(registry, "b1"))
        assert (found.process.pid, found.run) == (process.pid, "run-1")
        assert holders(registry) == {"b1": found}
        with lease(registry, "b2"):
            pass


def test_a_holder_within_this_process_counts_as_well(registry: Registry) -> None:
    with lease(registry, "b"), pytest.raises(BatchBusy, match=str(os.getpid())), lease(registry, "b"):
        pass
    assert held(registry, "b") is None
    with lease(registry, "b"):
        pass


@pytest.mark.parametrize(("name", "called"), [("b", "batch 'b'"), ("tree t", "tree t"), ("tree:t", "set 'tree:t'")])
def test_who_is_held_up_learns_by_what(registry: Registry, name: str, called: str) -> None:
    with lease(registry, name), pytest.raises(BatchBusy, match=f"^{called} is being run by"), lease(registry, name):
        pass


def test_a_killed_holder_leaves_the_batch_free(registry: Registry, ledger_url: str) -> None:
    with holder(registry, ledger_url, "b") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert held(registry, "b") is None
        assert not holders(registry)["b"].living
        with lease(registry, "b"):
            pass


def test_a_later_process_of_the_same_number_is_not_the_holder(registry: Registry) -> None:
    with lease(registry, "b"):
        with registry.alone() as connection:
            connection.execute(sa.update(table).values(started="1"))
        with lease(registry, "b", "run-2"):
            assert (found := held(registry, "b"))
            assert found.run == "run-2"
    assert held(registry, "b") is None


def test_a_step_that_fails_leaves_the_batch_free(registry: Registry) -> None:
    with pytest.raises(ZeroDivisionError), lease(registry, "b"):
        raise ZeroDivisionError
    with lease(registry, "b"):
        pass


def test_a_holder_on_another_machine_counts_while_it_renews(registry: Registry) -> None:
    with lease(registry, "b", "run-1"):
        of_another_host(registry, silent_s=leases.LOST_S - 20)
        with pytest.raises(BatchBusy, match=r"process \d+ on far, run run-1"), lease(registry, "b"):
            pass
        of_another_host(registry, silent_s=leases.LOST_S + 20)
        with lease(registry, "b", "run-2"):
            assert (found := held(registry, "b"))
            assert found.run == "run-2"


def test_a_lease_is_renewed_and_one_that_was_lost_ends_what_it_was_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    with pytest.raises(KeyboardInterrupt), lease(registry, "b"):  # noqa: PT012 - what it holds goes on
        of_another_host(registry, silent_s=10)
        before = registry.read(sa.select(table.c.renewed_at))[0][0]
        while registry.read(sa.select(table.c.renewed_at))[0][0] == before:
            pass
        with registry.alone() as connection:
            connection.execute(sa.update(table).values(token="another's"))
        Event().wait(240)
    assert registry.read(sa.select(table.c.token)) == [("another's",)]


@given(name=st.text(max_size=300))
@settings(max_examples=examples(20), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_text_names_a_lease(registry: Registry, name: str) -> None:
    with lease(registry, name):
        assert (found := held(registry, name))
        assert found.process == this_process()
    assert held(registry, name) is None
