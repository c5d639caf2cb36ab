"""Runs programs under limits, one after the other, and reports how each ended.

The text of this module is what the sandbox's interpreter runs (`python -c`), outside of evergrow's environment: it may
import nothing but the standard library and `confinement`, whose text goes with it. On stdin comes, for each program, a
header in the form of `marshal`, which takes no import, and the program; on stdout go a line `ready` and a report each.

For each program this process forks a watcher, and that a child, which reads the program, confines itself and runs it: a
session of its own, an empty environment, no descriptors but its output's. Neither a program nor what it wrote is ever
in the memory of this process, so no later program finds it there.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import sys
import time

from evergrow.resources.sandbox.confinement import PR_SET_DUMPABLE, confine, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it costs as much as half the interpreter's start
    from typing import Any, NoReturn

OOM_STATUS = 117  # how a program ends that found no more memory
LENGTH_BYTES = 8  # before each header, program and report, the number of its bytes
# To libraries with threads of their own, which would take one for each processor, and memory for each; the program sees
# an empty environment all the same.
UNSEEN_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def receive(end: int) -> bytes:
    """One piece from `end`; empty at its end."""
    length = int.from_bytes(receive_exactly(end, LENGTH_BYTES), "big")
    return receive_exactly(end, length)


def receive_exactly(end: int, length: int) -> bytes:
    """So many bytes; fewer at the end."""
    parts: list[bytes] = []
    while length and (part := os.read(end, length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def send(end: int, piece: bytes) -> None:
    """One piece to `end`."""
    left = memoryview(len(piece).to_bytes(LENGTH_BYTES, "big") + piece)
    while left:
        left = left[os.write(end, left) :]


def run_program(source: str) -> NoReturn:
    """Run `source` as the main module of this process."""
    module = type(sys)("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["program.py"]
    try:
        exec(compile(source, "program.py", "exec"), module.__dict__)  # noqa: S102 - what the sandbox is for
    except SystemExit:
        raise
    except MemoryError:
        sys.stderr.write("MemoryError\n")
        sys.exit(OOM_STATUS)
    except BaseException as error:  # noqa: BLE001 - as the interpreter would, without this function's frame
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)
    sys.exit(0)


def be_program(request: dict[str, Any], ends: tuple[int, int], setup: int) -> NoReturn:
    """Be the child: take the program from stdin, confine this process, say so on `setup`, run it, write to `ends`."""
    source = marshal.loads(receive(0))  # noqa: S302 - evergrow's: the program as a text
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, end in enumerate((nothing, *ends)):
        os.dup2(end, target)
    os.dup2(setup, 3)
    os.closerange(4, 256)
    os.environ.clear()
    try:
        confine(request)
    except (OSError, ValueError) as error:
        os.write(3, str(error).encode())
        os._exit(1)
    os.write(3, b"confined")
    os.close(3)
    request.clear()
    run_program(source)


def watch(child: int, outputs: tuple[int, int], limits: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Collect the output of `child` until it ends, or is to be ended: the reason (or nothing) and what it wrote."""
    deadline = time.monotonic() + limits["wall_s"]
    ended = os.pidfd_open(child)
    kept = {end: bytearray() for end in outputs}
    poll = select.poll()
    for end in (ended, *outputs):
        poll.register(end, select.POLLIN)
    over = False
    while True:
        left = 0 if over else deadline - time.monotonic()
        ready = [end for end, _ in poll.poll(max(0, left * 1000))] if left >= 0 else []
        over = over or ended in ready
        for end in ready:
            if end == ended:
                continue
            part = os.read(end, 65536)
            kept[end] += part
            if not part:
                poll.unregister(end)
        texts = [bytes(text[: limits["output"]]) for text in kept.values()]
        if sum(map(len, kept.values())) > limits["output"]:
            return "output", texts
        if over and set(ready) <= {ended}:
            return "", texts
        if not over and time.monotonic() >= deadline:
            return "timeout", texts


def outcome(stopped: str, status: int, cpu_s: float, limits: dict[str, Any]) -> str:
    """How a program ended, in one word."""
    if stopped:
        return stopped
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_s >= limits["cpu_s"]):
            return "timeout"
        return "oom" if number == signal.SIGKILL else "crash"  # the kernel kills so when the machine's memory ends
    code = os.WEXITSTATUS(status)
    return "ok" if code == 0 else "oom" if code == OOM_STATUS else "error"


def report(request: dict[str, Any]) -> dict[str, Any]:
    """Run the program that comes on stdin; how it ended."""
    (out, out_end), (err, err_end), (setup, setup_end) = os.pipe(), os.pipe(), os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        be_program(request, (out_end, err_end), setup_end)
    for end in (out_end, err_end, setup_end):
        os.close(end)
    said = receive_exactly(setup, 4096).decode(errors="replace")
    stopped, outputs = watch(child, (out, err), request["limits"])
    wall_s = time.monotonic() - started
    os.kill(child, signal.SIGKILL)  # until it was waited for, its number is no other process's
    _, status, usage = os.wait4(child, 0)
    spent = usage.ru_utime + usage.ru_stime
    return {
        "fault": None if said == "confined" else said or "it ended before it was confined",
        "outcome": outcome(stopped, status, spent, request["limits"]),
        "exit_code": None if stopped else os.waitstatus_to_exitcode(status),
        "stdout": outputs[0].decode(errors="replace"),
        "stderr": outputs[1].decode(errors="replace"),
        "wall_s": wall_s,
        "cpu_s": spent,
    }


def load(modules: list[str]) -> None:
    """Import packages once, for all programs that will."""
    for name in modules:
        try:
            __import__(name)
        except ImportError:
            continue  # the program that imports it says why


def main() -> None:
    """Run one program after the other, as long as they come and none left a trace."""
    prctl(PR_SET_DUMPABLE, 0)  # a program of the same user may not trace it, nor open its descriptors
    untouched = os.stat(os.curdir).st_ctime_ns
    for name, value in UNSEEN_ENVIRONMENT.items():
        os.putenv(name, value)
    own = [path for path in sys.path if path]
    os.write(1, b"ready\n")
    while header := receive(0):
        request = marshal.loads(header)  # noqa: S302 - evergrow's
        sys.path[:] = [*own, *request["path"]]
        load(request["preload"])
        watcher = os.fork()
        if watcher == 0:
            said = report(request)
            # A trace is whatever ever lay in the folder: the time of its last change cannot be set back.
            said["untouched"] = os.stat(os.curdir).st_ctime_ns == untouched
            send(1, marshal.dumps(said))
            os._exit(0)
        if os.waitpid(watcher, 0)[1] != 0:
            return


if __name__ == "__main__":
    main()
