"""Processes as others see them: who this one is, and whether another one of this machine is still there."""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process. `started` tells it from a later one with the same number; "" where the system does not say.

    `host` names a machine since it was booted, and on Linux the space of process numbers, for containers that share a
    host's name do not share its processes.
    """

    host: str
    pid: int
    started: str

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended; False for one of another host, which cannot be seen from here."""
        if self.host != this_host():
            return False
        return not alive(self.pid) or _started(self.pid) != self.started


def this_process() -> Process:
    """The process that calls."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """The process of this host that has this number now."""
    return Process(this_host(), pid, _started(pid))


def alive(pid: int) -> bool:
    """Whether a process of this host runs; one that was killed and not yet waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[:1] not in (["Z"], ["X"])


@cache
def this_host() -> str:
    """The name by which processes know that they can see each other."""
    boot, space = _PROC / "sys/kernel/random/boot_id", _PROC / "self/ns/pid"
    try:
        return f"{socket.gethostname()} {boot.read_text(encoding='ascii').strip()} {space.stat().st_ino}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state on (proc(5)); nothing elsewhere."""
    try:
        return (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
