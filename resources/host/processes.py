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
    import psutil  # noqa: PLC0415 - reading commands ask it of nobody where no one is at work

    try:
        return psutil.Process(pid).status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


@cache
def this_host() -> str:
    """The name by which processes know that they can see each other."""
    boot, space = _PROC / "sys/kernel/random/boot_id", _PROC / "self/ns/pid"
    try:
        return f"{socket.gethostname()} {boot.read_text(encoding='ascii').strip()} {space.stat().st_ino}"
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    import psutil  # noqa: PLC0415 - as above

    try:
        # A process's hash is of its number and its start since the boot, which no change of the clock moves.
        return str(hash(psutil.Process(pid)))
    except psutil.Error:
        return ""
