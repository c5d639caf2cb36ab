"""The sandbox: runs programs, each answer's in namespaces of their own, and sees to it that nothing of them stays."""

import marshal
import os
import select
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from evergrow.resources.host.open_files import RAISE, too_many_files
from evergrow.resources.sandbox import bubblewrap
from evergrow.resources.sandbox.bubblewrap import SandboxUnavailable
from evergrow.resources.sandbox.packages import Packages
from evergrow.resources.sandbox.seccomp import program_filter
from evergrow.resources.settings import dataset

Outcome = Literal["ok", "error", "timeout", "crash", "oom", "output"]
LEVEL = "bubblewrap"  # what rows say of where they ran
KIB, MIB = 1024, 1024 * 1024
MARSHAL_FORMAT = 2  # every Python reads it: the sandbox's may be another one than this
LENGTH_BYTES = 8  # as the guard has it
GRACE_S = 10.0  # how much longer than its program a guard may take
WAITING_PER_WORKER = 16
PROBE = """
import socket, tempfile
try:
    socket.socket()
except PermissionError:
    print(len(tempfile.gettempdir()))
else:
    raise SystemExit("the filter of system calls does not hold")
"""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Attributes:
        outcome: ok (exit code 0), error (another one), timeout (wall clock or processor time), crash (a signal), oom
            (no memory), output (wrote more than it may).
        exit_code: negative for a signal; None if it was ended from outside.
        stdout, stderr: what it wrote, up to the limit each.
        wall_s, cpu_s: seconds.
    """

    outcome: Outcome
    exit_code: int | None
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float


class Sandbox:
    """Runs generated Python programs. They have the standard library, and `packages`. Open one with `Sandbox.open`."""

    def __init__(self, rules: dataset.SandboxSettings, packages: Packages) -> None:
        self._rules, self.packages = rules, packages
        self._command = bubblewrap.command(rules.memory_mb * MIB, packages.paths)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False

    @classmethod
    def open(cls, rules: dataset.SandboxSettings) -> "Sandbox":
        """A sandbox in which a trivial program really runs, and is confined.

        Raises:
            SandboxUnavailable: there is none here; the message says why, and what to install or allow.
        """
        try:
            sandbox = cls(rules, Packages.of(rules))
            probed = sandbox.run(PROBE)
        except SandboxUnavailable as fault:
            remedy = "" if "install" in str(fault) else ": allow user namespaces (docs/sandbox.md says how)"
            remedy = f"; {RAISE}" if too_many_files(fault) else remedy
            raise SandboxUnavailable(f"generated code cannot be run here: {fault}{remedy}") from fault
        if probed.outcome != "ok":
            raise SandboxUnavailable(
                "generated code cannot be run here: a trivial program ends with "
                f"{probed.outcome}: {probed.stderr.strip()[-300:]}"
            )
        return sandbox

    @classmethod
    def available(cls, rules: dataset.SandboxSettings) -> bool:
        """Whether one can be opened here and now."""
        try:
            cls.open(rules)
        except SandboxUnavailable:
            return False
        return True

    @property
    def level(self) -> str:
        """What confines the programs."""
        return LEVEL

    @property
    def workers(self) -> int:
        """How many programs run at once."""
        return self._rules.workers or os.cpu_count() or 1

    def run(self, program: str, wall_s: float | None = None) -> Finished:
        """Run one program in namespaces of its own, for `wall_s` seconds at most if they are fewer than the settings'.

        Raises:
            SandboxUnavailable: it could not be started, or not be confined.
        """
        with self.session() as session:
            return session.run(program, wall_s)

    @contextmanager
    def session(self, modules: Iterable[str] = ()) -> Iterator["Session"]:
        """Runs programs of one origin, one after the other, at the cost of one start while they leave no file.

        Of `modules`, which they import, those of `packages` are loaded once.
        """
        session = Session(self, sorted({*modules} & {*self.packages.modules}))
        try:
            yield session
        finally:
            session.close()

    def run_many(self, programs: Iterable[str]) -> Iterator[Finished]:
        """Run programs, `workers` at once; what came of them in their order. See `each`."""
        return self.each(self.run, programs)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work(item)` of all items in their order, `workers` at once, where `work` runs programs here.

        However the iteration ends, early or by an exception too, all that this sandbox runs is ended with it.
        """
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= WAITING_PER_WORKER * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._stop()
            pool.shutdown(cancel_futures=True)
            self._stopped = False

    def request(self, number: int, wall_s: float | None, preload: list[str]) -> dict[str, Any]:
        """What the guard of the process `number` is told of a program."""
        rules = self._rules
        limits = {
            "wall_s": min(wall_s or rules.wall_s, rules.wall_s), "cpu_s": rules.cpu_s, "memory": rules.memory_mb * MIB,
            "file": rules.file_mb * MIB, "threads": rules.threads, "output": rules.output_kb * KIB,
        }  # fmt: skip
        user = bubblewrap.FIRST_USER + number % bubblewrap.USERS if bubblewrap.drops_user() else None
        path = [bubblewrap.PACKAGES] if self.packages.paths else []
        return {"limits": limits, "user": user, "filter": program_filter(), "path": path, "preload": preload}

    def start(self) -> subprocess.Popen[bytes]:
        """Start a guard; to be ended by `end`."""
        # A session of its own: Ctrl-C at the terminal must not reach it before its program was ended.
        with self._lock:
            if self._stopped:
                raise SandboxUnavailable("the sandbox was stopped")
            try:
                guard = subprocess.Popen(  # noqa: S603 - our own program
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                    env=bubblewrap.ENVIRONMENT, cwd="/", start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise SandboxUnavailable(f"{self._command[0]} cannot be started: {error}") from error
            self._running.add(guard)
        return guard

    def end(self, guard: subprocess.Popen[bytes]) -> None:
        """End a guard with all that is in its namespaces."""
        with self._lock:
            self._running.discard(guard)
        with guard:  # closes its pipes
            _kill_group(guard)
            guard.wait()

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for guard in self._running:
                _kill_group(guard)


class Session:
    """A guard that runs one program after the other; it is started anew once a program left something behind."""

    def __init__(self, sandbox: Sandbox, preload: list[str]) -> None:
        self._sandbox, self._preload = sandbox, preload
        self._guard: subprocess.Popen[bytes] | None = None

    def run(self, program: str, wall_s: float | None = None) -> Finished:
        """As `Sandbox.run`; nothing that an earlier program did can be seen by this one."""
        guard = self._guard = self._guard or self._started()
        request = self._sandbox.request(guard.pid, wall_s, self._preload)
        deadline = time.monotonic() + request["limits"]["wall_s"] + GRACE_S
        try:
            for piece in (request, program):
                _send(guard, marshal.dumps(piece, MARSHAL_FORMAT))
            said = _receive(guard, deadline)
        except TimeoutError:
            self.close()
            return _no_report("timeout", request["limits"]["wall_s"] + GRACE_S)
        except (BrokenPipeError, EOFError):
            self.close()
            return _no_report("crash", 0.0)  # the program killed its guard
        report = cast(dict[str, Any], marshal.loads(said))  # noqa: S302 - the guard's
        if not report.pop("untouched"):
            self.close()
        if fault := report.pop("fault"):
            raise SandboxUnavailable(f"{LEVEL} cannot confine: {fault}")
        return Finished(**report)

    def close(self) -> None:
        """End the guard."""
        if self._guard is not None:
            self._sandbox.end(self._guard)
            self._guard = None

    def _started(self) -> subprocess.Popen[bytes]:
        guard = self._sandbox.start()
        assert guard.stdout is not None
        assert guard.stderr is not None
        ready, _, _ = select.select([guard.stdout], [], [], GRACE_S)
        if ready and guard.stdout.read(len(b"ready\n")) == b"ready\n":
            return guard
        _kill_group(guard)
        said = guard.stderr.read().decode(errors="replace").strip()[-300:]
        code = guard.wait()
        self._sandbox.end(guard)
        raise SandboxUnavailable(f"{LEVEL} does not start: {said or f'exit code {code}'}")


def _send(guard: subprocess.Popen[bytes], piece: bytes) -> None:
    assert guard.stdin is not None
    left = memoryview(len(piece).to_bytes(LENGTH_BYTES, "big") + piece)
    while left:
        left = left[guard.stdin.write(left) :]


def _receive(guard: subprocess.Popen[bytes], deadline: float) -> bytes:
    length = int.from_bytes(_receive_exactly(guard, LENGTH_BYTES, deadline), "big")
    return _receive_exactly(guard, length, deadline)


def _receive_exactly(guard: subprocess.Popen[bytes], length: int, deadline: float) -> bytes:
    assert guard.stdout is not None
    parts: list[bytes] = []
    while length:
        if not select.select([guard.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(guard.stdout.fileno(), length)
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _kill_group(guard: subprocess.Popen[bytes]) -> None:
    if guard.returncode is None:  # until it was waited for, its number is no other group's
        with suppress(ProcessLookupError):  # another thread is just waiting for it
            os.killpg(guard.pid, signal.SIGKILL)


def _no_report(outcome: Outcome, wall_s: float) -> Finished:
    return Finished(outcome, None, "", "", wall_s, 0.0)
