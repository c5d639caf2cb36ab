"""The sandbox: runs programs, each by a guard of its own, and sees to it that nothing of them stays behind."""

import ast
import marshal
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from evergrow.resources.sandbox import levels
from evergrow.resources.sandbox.levels import Level, SandboxUnavailable
from evergrow.resources.settings import dataset

Outcome = Literal["ok", "error", "timeout", "crash", "oom", "output"]
KIB, MIB = 1024, 1024 * 1024
MARSHAL_FORMAT = 2  # every Python reads it: the sandbox's may be another one than this
GRACE_S = 10.0  # how much longer than its program a guard may take
WAITING_PER_WORKER = 16
PROBE = "import tempfile; print(len(tempfile.gettempdir()))"

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
        wall_s, cpu_s: seconds; those of the processor with its children's.
    """

    outcome: Outcome
    exit_code: int | None
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float


class Sandbox:
    """Runs generated Python programs, which have the standard library only. Open one with `Sandbox.open`."""

    def __init__(self, level: Level, rules: dataset.Sandbox) -> None:
        self._level, self._rules = level, rules
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False
        self.isolates: frozenset[str] = frozenset()

    @classmethod
    def open(cls, rules: dataset.Sandbox, names: Iterable[levels.Name] = ("bubblewrap", "process")) -> "Sandbox":
        """The first of the levels `names` at which a trivial program really runs.

        Raises:
            SandboxUnavailable: there is none that the settings allow.
        """
        faults: dict[str, str] = {}
        for name in names:
            if rules.require == "bubblewrap" and name != "bubblewrap":
                continue
            try:
                level = levels.bubblewrap(rules.memory_mb * MIB) if name == "bubblewrap" else levels.process()
                return cls._probed(level, rules)
            except SandboxUnavailable as fault:
                faults[name] = str(fault)
        why = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        weaker = "or accept a plain process (sandbox.require: any)" if rules.require == "bubblewrap" else ""
        remedy = f"install bubblewrap and allow user namespaces, {weaker}".rstrip(", ")
        raise SandboxUnavailable(f"generated code cannot be run here ({why}): {remedy}")

    @classmethod
    def _probed(cls, level: Level, rules: dataset.Sandbox) -> "Sandbox":
        sandbox = cls(level, rules)
        report = sandbox._report(PROBE, rules.wall_s)
        if report["outcome"] != "ok":
            raise SandboxUnavailable(
                f"a trivial program ends with {report['outcome']}: {report['stderr'].strip()[-300:]}"
            )
        sandbox.isolates = frozenset(report["isolates"]) if level.confines else levels.EVERYTHING
        return sandbox

    @property
    def level(self) -> levels.Name:
        """`bubblewrap`, or `process`, the weaker one."""
        return self._level.name

    @property
    def workers(self) -> int:
        """How many programs run at once."""
        return self._rules.workers or os.cpu_count() or 1

    def run(self, program: str, wall_s: float | None = None) -> Finished:
        """Run one program, for `wall_s` seconds at most if they are fewer than the settings'.

        Raises:
            SandboxUnavailable: it could not be started, or not be isolated as when the sandbox was opened.
        """
        report = self._report(program, min(wall_s or self._rules.wall_s, self._rules.wall_s))
        held = report.pop("isolates")
        if self._level.confines and not self.isolates <= set(held):
            raise SandboxUnavailable(f"the kernel isolates less than before: {', '.join(held) or 'nothing'}")
        return Finished(**report)

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

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for guard in self._running:
                guard.terminate() if self._level.confines else _kill_group(guard)

    def _report(self, program: str, wall_s: float) -> dict[str, Any]:
        with self._folder() as folder, self._guard() as guard:
            request = marshal.dumps(self._request(program, wall_s, folder, guard.pid), MARSHAL_FORMAT)
            try:
                out, err = guard.communicate(request, timeout=wall_s + GRACE_S)
            except subprocess.TimeoutExpired:
                return _no_report("timeout", wall_s + GRACE_S, "", self.isolates)
        ready, _, line = out.partition(b"\n")
        said = err.decode(errors="replace").strip()[-300:]
        if ready != b"ready":
            raise SandboxUnavailable(f"{self._level.name} does not start: {said or f'exit code {guard.returncode}'}")
        if not line:
            return _no_report("crash", 0.0, said, self.isolates)  # the program killed its guard
        report = cast(dict[str, Any], ast.literal_eval(line.decode()))
        if "fault" in report:
            raise SandboxUnavailable(f"{self._level.name} cannot isolate: {report['fault']}")
        return report

    def _request(self, program: str, wall_s: float, folder: str, number: int) -> dict[str, Any]:
        rules = self._rules
        limits = {
            "wall_s": wall_s, "cpu_s": rules.cpu_s, "memory": rules.memory_mb * MIB, "file": rules.file_mb * MIB,
            "processes": rules.processes, "output": rules.output_kb * KIB,
        }  # fmt: skip
        user = levels.FIRST_USER + number % levels.USERS if self._level.drops_user else None
        return {
            "program": program, "limits": limits, "folder": folder, "user": user,
            "confine": self._level.confines, "readable": self._level.readable,
        }  # fmt: skip

    @contextmanager
    def _guard(self) -> Iterator[subprocess.Popen[bytes]]:
        with self._lock:
            if self._stopped:
                raise SandboxUnavailable("the sandbox was stopped")
            guard = self._start()
            self._running.add(guard)
        try:
            yield guard
        finally:
            with self._lock:
                self._running.discard(guard)
            with guard:  # closes its pipes
                _end(guard, self._level)

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C at the terminal must not reach it before its program was ended.
        try:
            return subprocess.Popen(  # noqa: S603 - our own program
                self._level.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=levels.ENVIRONMENT, cwd="/", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise SandboxUnavailable(f"{self._level.command[0]} cannot be started: {error}") from error

    @contextmanager
    def _folder(self) -> Iterator[str]:
        if not self._level.confines:
            yield levels.FOLDER
            return
        try:
            folder = tempfile.mkdtemp(prefix="evergrow-sandbox-")
        except OSError as error:
            raise SandboxUnavailable(f"no folder can be made in {tempfile.gettempdir()} (TMPDIR): {error}") from error
        try:
            yield folder
        finally:
            _remove(Path(folder))


def _end(guard: subprocess.Popen[bytes], level: Level) -> None:
    """End a guard and all that its program started."""
    if level.confines:
        guard.terminate()  # it ends its program, and itself
    else:
        _kill_group(guard)  # the first process of the namespace is in it; with that ends all that is in there
    try:
        guard.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        _kill_group(guard)
        guard.wait()


def _kill_group(guard: subprocess.Popen[bytes]) -> None:
    if guard.returncode is None:  # until it was waited for, its number is no other group's
        with suppress(ProcessLookupError):  # another thread is just waiting for it
            os.killpg(guard.pid, signal.SIGKILL)


def _remove(folder: Path) -> None:
    """Remove it whatever is in there: folders that deny entry, or that nest too deep for Python's own function."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        tools = [str(shutil.which(name, path="/usr/bin:/bin")) for name in ("chmod", "rm")]
        subprocess.run([tools[0], "-R", "u+rwX", folder], check=False, capture_output=True)  # noqa: S603
        subprocess.run([tools[1], "-rf", folder], check=False, capture_output=True)  # noqa: S603


def _no_report(outcome: Outcome, wall_s: float, said: str, isolates: frozenset[str]) -> dict[str, Any]:
    return {
        "outcome": outcome, "exit_code": None, "stdout": "", "stderr": said, "wall_s": wall_s, "cpu_s": 0.0,
        "isolates": sorted(isolates),
    }  # fmt: skip
