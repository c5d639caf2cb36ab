"""Keeps services as long as the process that started them: `python -m evergrow.cli.ui_keeper COMMAND...`.

It ends them in order once its standard input has come to its end, which it does however that process ends, even if it
is killed. Dagster's own pipe for that wants to be told in words, and a process that is killed says nothing. If this
process is killed as well, the kernel asks the services to end, where it can (Linux).
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

LOOK_S = 0.2
PR_SET_PDEATHSIG = 1  # of prctl(2)
CALM_S = 30.0  # for runs and services to end by themselves, once asked to


def keep(command: Sequence[str]) -> int:
    """Run `command` until it ends by itself, or standard input does; returns its exit code, 0 if it was ended.

    In the second case all that it has started is ended with it, and so is this process, if it leads their group.
    """
    services = subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=partial(_end_with, os.getpid()),  # noqa: PLW1509 - there is one thread
    )
    try:
        while services.poll() is None:
            if select.select([sys.stdin], [], [], LOOK_S)[0]:  # nothing is ever written to it: this is its end
                _end(services)
                return 0
    except BaseException:
        _end(services)
        raise
    return services.returncode


def _end_with(keeper: int) -> None:
    """Have the kernel ask this process to end when its keeper does, which may have happened before."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that starts something in the background has it ignored
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != keeper:
            os._exit(1)


def _end(services: subprocess.Popen[bytes]) -> None:
    """Let the services end in order; what has not ended by then is killed, with all that it has started."""
    services.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        services.wait(timeout=CALM_S)
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    services.kill()
    services.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
