"""Ways around the limits of memory, and into rights that a program must not have: programs that try."""

import os

import pytest

from evergrow.resources.sandbox.confinement import SECCOMP_MACHINES
from evergrow.resources.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(os.uname().machine not in SECCOMP_MACHINES, reason="no filter for this machine")
LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.mark.parametrize(
    "call",
    [
        "libc.shmget(0, 4096, 0o1600)",
        "libc.msgget(0, 0o1600)",
        "libc.semget(0, 1, 0o1600)",
        "libc.memfd_create(b'x', 0)",
        "libc.unshare(0x10000000)",
        "libc.unshare(0x10000000 | 0x20000)",
        "libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, b'size=100G')",
    ],
)
def test_memory_beyond_the_limits_and_namespaces_are_denied(sandbox: Sandbox, call: str) -> None:
    finished = sandbox.run(f"{LIBC}print({call}, ctypes.get_errno())")

    assert (finished.outcome, finished.stdout) == ("ok", "-1 13\n"), finished.stderr


def test_no_child_gets_a_user_namespace(sandbox: Sandbox) -> None:
    number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]

    finished = sandbox.run(f"{LIBC}print(libc.syscall({number}, 0x10000000 | 17, 0, 0, 0, 0), ctypes.get_errno())")

    assert (finished.outcome, finished.stdout) == ("ok", "-1 13\n"), finished.stderr


def test_threads_and_processes_work_all_the_same(sandbox: Sandbox) -> None:
    program = """
import subprocess, sys, threading
said = []
worker = threading.Thread(target=lambda: said.append("thread"))
worker.start()
worker.join()
said.append(subprocess.run([sys.executable, "-c", "print('process', end='')"], capture_output=True, text=True).stdout)
print(*said)
"""
    finished = sandbox.run(program)

    assert (finished.outcome, finished.stdout) == ("ok", "thread process\n"), finished.stderr
