"""Confines a process, for good, by what the kernel has: limits, another user, namespaces, Landlock, seccomp.

Runs in the sandbox's interpreter, with the guard (see `guard`): it may import nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it costs as much as half the interpreter's start
    from typing import Any

OPEN_FILES = 128
LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 36, 38
CLONE_NEWNET = 0x40000000

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_READ, LANDLOCK_READ_FILE, LANDLOCK_READ_WRITE = 0b1101, 0b100, 0b110
LANDLOCK_RIGHTS = {3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version; older ones let files be cut
LANDLOCK_SCOPES = 0b11  # abstract sockets and signals, from version 6 on

# By machine: its number for the kernel's audit, of the call clone, and of those that are denied: socket; what gives
# memory that no limit of a process counts, and that may outlive all processes (shmget, msgget, semget, memfd_create);
# what makes namespaces, in which a program has rights (unshare, setns, mount).
SECCOMP_MACHINES = {
    "x86_64": (0xC000003E, 56, (41, 29, 68, 64, 319, 272, 308, 165)),
    "aarch64": (0xC00000B7, 220, (198, 194, 186, 190, 279, 97, 268, 40)),
}
IO_URING_SETUP, CLONE3, X32_CALLS, CLONE_NEWUSER = 425, 435, 0x40000000, 0x10000000
EACCES, ENOSYS = 13, 38


def prctl(option: int, argument: int) -> None:
    """The system call of the name; raises OSError."""
    if LIBC.prctl(option, ctypes.c_ulong(argument), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def confine_files(folder: str, readable: list[str]) -> set[str]:
    """By Landlock, leave `folder` and, to be read, `readable`; the guarantees that hold then, if any."""
    version = LIBC.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < min(LANDLOCK_RIGHTS):
        return set()
    rights = LANDLOCK_RIGHTS.get(version, LANDLOCK_RIGHTS[max(LANDLOCK_RIGHTS)])
    words = (rights, 0, LANDLOCK_SCOPES)[: 3 if version >= 6 else 1]
    attributes = (ctypes.c_uint64 * len(words))(*words)
    rules = LIBC.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(ctypes.sizeof(attributes)), ctypes.c_uint32(0))
    if rules < 0:
        return set()
    devices = {"/dev/null": LANDLOCK_READ_WRITE, "/dev/zero": LANDLOCK_READ_WRITE, "/dev/urandom": LANDLOCK_READ_FILE}
    system = {path: LANDLOCK_READ if os.path.isdir(path) else LANDLOCK_READ_FILE for path in readable}
    for path, allowed in {folder: rights, **system, **devices}.items():
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = allowed.to_bytes(8, sys.byteorder) + beneath.to_bytes(4, sys.byteorder)
        if LIBC.syscall(LANDLOCK_ADD, rules, 1, rule, ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), "Landlock takes no rule for it", path)
        os.close(beneath)
    if LIBC.syscall(LANDLOCK_RESTRICT, rules, ctypes.c_uint32(0)):
        raise OSError(ctypes.get_errno(), "Landlock does not restrict the process")
    os.close(rules)
    return {"files", "processes"} if version >= 6 else {"files"}


def deny_calls() -> set[str]:
    """By seccomp, let socket(2) and what else is denied fail with EACCES; the guarantee that holds then, if any.

    socketpair(2) works, and so do threads: the C library falls back from clone3, whose flags no filter can read.
    """
    if os.uname().machine not in SECCOMP_MACHINES:
        return set()
    machine, clone, denied = SECCOMP_MACHINES[os.uname().machine]
    kill, fail, allow = 0x80000000, 0x00050000, 0x7FFF0000
    load, if_equal, if_at_least, if_any_of, give = 0x20, 0x15, 0x35, 0x45, 0x06
    steps = [
        (load, 0, 0, 4), (if_equal, 1, 0, machine), (give, 0, 0, kill),
        (load, 0, 0, 0), (if_at_least, 0, 1, X32_CALLS), (give, 0, 0, fail | EACCES),
        (if_equal, 0, 1, CLONE3), (give, 0, 0, fail | ENOSYS),
    ]  # fmt: skip
    for number in (IO_URING_SETUP, *denied):
        steps += [(if_equal, 0, 1, number), (give, 0, 0, fail | EACCES)]
    steps += [
        (if_equal, 0, 3, clone), (load, 0, 0, 16), (if_any_of, 0, 1, CLONE_NEWUSER), (give, 0, 0, fail | EACCES),
        (give, 0, 0, allow),
    ]  # fmt: skip
    packed = b"".join(
        code.to_bytes(2, sys.byteorder) + bytes((yes, no)) + k.to_bytes(4, sys.byteorder) for code, yes, no, k in steps
    )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    program = Program(len(steps), packed)
    if LIBC.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), 0, 0):
        return set()
    return {"network"}


def tasks_of_this_user() -> int:
    """Threads of all processes of this user: they count against its limit of processes."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = os.stat(f"/proc/{name}/task")
        except OSError:
            continue  # it ended
        count += (status.st_nlink - 2) * (status.st_uid == os.getuid())
    return count


def confine(request: dict[str, Any]) -> set[str]:
    """Confine this process, for good; the guarantees that hold beyond the limits.

    Raises:
        OSError: a limit cannot be set, the user cannot be changed, or the folder not be entered.
    """
    held: set[str] = set()
    limits, user = request["limits"], request["user"]
    if request["confine"] and LIBC.unshare(CLONE_NEWNET) == 0:
        held.add("network")
    for name, most in (
        ("CORE", 0), ("NOFILE", OPEN_FILES), ("FSIZE", limits["file"]), ("AS", limits["memory"]),
    ):  # fmt: skip
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))
    if user is not None:
        if request["confine"]:
            os.chown(request["folder"], user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        held.add("processes")
    os.chdir(request["folder"])
    # A user's own processes count too, unless the user or the user namespace is the sandbox's own.
    processes = limits["processes"] + (tasks_of_this_user() if request["confine"] and user is None else 0)
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if request["confine"]:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        held |= confine_files(request["folder"], request["readable"])
    return held | deny_calls()
