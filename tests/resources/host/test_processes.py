import os
import subprocess
import sys
import time

from evergrow.resources.host.processes import Process, alive, process_of, this_process


def test_this_process_is_there_and_one_of_another_host_is_not_known_to_be_gone() -> None:
    me = this_process()

    assert me == process_of(os.getpid())
    assert not me.gone
    assert not Process("another host", me.pid, me.started).gone
    assert Process(me.host, me.pid, "0").gone


def test_a_killed_process_is_gone_even_before_anybody_has_waited_for_it() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = process_of(child.pid)
    assert not process.gone

    child.kill()
    deadline = time.monotonic() + 20
    while alive(child.pid) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert process.gone
    child.communicate()
    assert process.gone
