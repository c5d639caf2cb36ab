"""Runs one program under limits, ends all that it started, and reports how it ended.

The text of this module is what the sandbox's interpreter runs (`python -c`), outside of evergrow's environment: it may
import nothing but the standard library and `confinement`, whose text goes with it. The request comes on stdin, in the
form of `marshal`, which takes no import; on stdout goes a line `ready` and, at the end, one with a literal dictionary.
The guard itself runs nothing of the program; a child of it does, in a session of its own, with an empty environment and
no descriptors but its output's, after it confined itself.
"""

from __future__ import annotations

import marshal
import os
import resource
import select
import signal
import sys
import time

from evergrow.resources.sandbox.confinement import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_PDEATHSIG,
    confine,
    prctl,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing it costs as much as half the interpreter's start
    from typing import Any, NoReturn

OOM_STATUS = 117  # how a program ends that found no more memory


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
        sys.excepthook(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        sys.exit(1)
    sys.exit(0)


def be_program(request: dict[str, Any], ends: tuple[int, int], told: int) -> NoReturn:
    """Be the child: confine this process, tell what holds on `told`, and run the program with output to `ends`."""
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, *ends)):
        os.dup2(source, target)
    os.dup2(told, 3)
    os.closerange(4, 256)
    os.environ.clear()
    try:
        held = confine(request)
    except (OSError, ValueError) as error:
        os.write(3, marshal.dumps({"fault": str(error)}))
        os._exit(1)
    os.write(3, marshal.dumps({"isolates": sorted(held)}))
    os.close(3)
    run_program(request["program"])


def descendants(pid: int) -> list[int]:
    """All processes that descend from `pid`."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # it ended
        children.setdefault(parent, []).append(int(name))
    found, at = list(children.get(pid, ())), 0
    while at < len(found):
        found += children.get(found[at], ())
        at += 1
    return found


def end_descendants(*, alone: bool) -> None:
    """Kill all that descends from this process, which orphans come to, until nothing is left.

    In a namespace of its own, where it is `alone`, everything that it can reach is meant.
    """
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in [-1] if alone else descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.002)


def watch(child: int, outputs: tuple[int, int], limits: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Collect the output of `child` until it ends, or is to be ended: the reason (or nothing) and what it wrote."""
    deadline = time.monotonic() + limits["wall_s"]
    waker, alarm = os.pipe()
    for end in (waker, alarm):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarm)
    kept = {end: bytearray() for end in outputs}
    poll = select.poll()
    for end in (waker, *outputs):
        poll.register(end, select.POLLIN)
    ended = False
    while True:
        ended = ended or os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        left = 0 if ended else deadline - time.monotonic()
        ready = [end for end, _ in poll.poll(max(0, left * 1000)) if end != waker] if left >= 0 else []
        for end in ready:
            part = os.read(end, 65536)
            kept[end] += part
            if not part:
                poll.unregister(end)
        if sum(map(len, kept.values())) > limits["output"]:
            return "output", [bytes(text[: limits["output"]]) for text in kept.values()]
        if ended and not ready:
            return "", [bytes(text) for text in kept.values()]
        if not ended and time.monotonic() >= deadline:
            return "timeout", [bytes(text) for text in kept.values()]
        drain(waker)


def drain(end: int) -> None:
    """Read what waits in a pipe that never blocks."""
    try:
        os.read(end, 4096)
    except BlockingIOError:
        return


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


def guard(request: dict[str, Any]) -> dict[str, Any]:
    """Run the program of `request`; the report."""
    (out, out_end), (err, err_end), (told, told_end) = os.pipe(), os.pipe(), os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        be_program(request, (out_end, err_end), told_end)
    for end in (out_end, err_end, told_end):
        os.close(end)
    with os.fdopen(told, "rb") as pipe:
        said = pipe.read()
    setup = marshal.loads(said) if said else {"fault": "it ended before it was confined"}  # noqa: S302 - not yet the program
    stopped, outputs = watch(child, (out, err), request["limits"])
    wall_s = time.monotonic() - started
    os.killpg(child, signal.SIGKILL)  # a process that was not waited for keeps its group
    _, status, usage = os.wait4(child, 0)
    end_descendants(alone=not request["confine"])
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        **setup,
        "outcome": outcome(stopped, status, usage.ru_utime + usage.ru_stime, request["limits"]),
        "exit_code": None if stopped else os.waitstatus_to_exitcode(status),
        "stdout": outputs[0].decode(errors="replace"),
        "stderr": outputs[1].decode(errors="replace"),
        "wall_s": wall_s,
        "cpu_s": spent.ru_utime + spent.ru_stime,
    }


def end_early(folder: str) -> NoReturn:
    """End everything: whoever asked for the program wants no report, or is gone."""
    end_descendants(alone=False)
    os.execv("/bin/rm", ["rm", "-rf", folder])  # noqa: S606


def main() -> None:
    """Read the request, run it, report."""
    sys.path[:] = [path for path in sys.path if path]
    request = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - evergrow's
    prctl(PR_SET_DUMPABLE, 0)  # a program of the same user may not trace it, nor open its descriptors
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if request["confine"]:
        signal.signal(signal.SIGTERM, lambda *_: end_early(request["folder"]))
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdout.write(f"{guard(request)!r}\n")


if __name__ == "__main__":
    main()
