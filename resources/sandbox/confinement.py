"""Confines a process, for good: limits, a user without rights, and a filter of system calls.

Runs in the sandbox's interpreter, with the guard (see `guard`): it may import nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it costs as much as half the interpreter's start
    from typing import Any

OPEN_FILES = 128
GUARDS = 4  # processes of the sandbox itself, which may count against the program's limit of threads
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER, INSTRUCTION_BYTES = 2, 8


class Filter(ctypes.Structure):
    """The kernel's `sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def prctl(option: int, argument: int, pointer: object = None) -> None:
    """The system call of the name; raises OSError."""
    if LIBC.prctl(option, ctypes.c_ulong(argument), pointer, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def confine(request: dict[str, Any]) -> None:
    """Confine this process, for good.

    Raises:
        OSError: a limit cannot be set, the user cannot be changed, or the kernel takes no filter.
    """
    limits, user = request["limits"], request["user"]
    for name, most in (
        ("CORE", 0), ("NOFILE", OPEN_FILES), ("FSIZE", limits["file"]), ("AS", limits["memory"]),
        ("MEMLOCK", 0), ("MSGQUEUE", 0),
    ):  # fmt: skip
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    resource.setrlimit(resource.RLIMIT_NPROC, (limits["threads"] + GUARDS, limits["threads"] + GUARDS))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    program = Filter(len(request["filter"]) // INSTRUCTION_BYTES, request["filter"])
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))
