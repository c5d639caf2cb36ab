"""Dagster's webserver and daemon for this project, as children of the command: they end with it, and quietly."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import filelock

HOST = "127.0.0.1"
CALM_S = 40.0  # for the keeper to have ended the services, which it gives `ui_keeper.CALM_S`
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")  # Dagster's logs have it wherever they go
ENDS = (signal.SIGINT, signal.SIGTERM)


class UiError(Exception):
    """The web interface cannot be served; the message says why, and the remedy."""


def serve(home: Path, port: int) -> None:
    """Serve the project in `home` on `HOST` until the process is interrupted or terminated.

    Raises:
        UiError: the port is taken, or Dagster ended by itself.
    """
    require_free(port)
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "EVERGROW_HOME": str(home)}
    # `dagster dev` warns that `dg dev` takes its place; that one needs a project's folder, which is not where data are.
    environment["PYTHONWARNINGS"] = "ignore"
    module = ["-m", "evergrow.assets.definitions"]
    keeper = [sys.executable, "-m", "evergrow.cli.ui_keeper"]
    command = [*keeper, sys.executable, "-m", "dagster", "dev", *module, "-h", HOST, "-p", str(port)]
    # A session of their own: Ctrl-C on the terminal must reach this process alone, which then ends them in order.
    services = subprocess.Popen(  # noqa: S603 - the command is our own
        command,
        env=environment,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with asked_to_end() as asked:
        repeating = threading.Thread(target=echo, args=(services, asked), daemon=True)
        repeating.start()
        try:
            code = _wait(services, asked)
        finally:
            _end(services)
        repeating.join(CALM_S)
    if not asked:
        raise UiError(
            f"Dagster ended by itself (exit code {code}); its last words are above, and {home / 'dagster'} has its logs"
        )


@contextmanager
def alone(home: Path, port: int) -> Iterator[None]:
    """Keep others from serving this home from this machine: two daemons would start everything twice.

    Raises:
        UiError: another process serves it; the message says where.
    """
    noted = home / "locks" / "ui.port"
    noted.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(home / "locks" / "ui.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        where = noted.read_text(encoding="ascii") if noted.is_file() else "its port"
        raise UiError(
            f"{home} is served already, at http://{HOST}:{where}: open that, or end it; nothing was started"
        ) from error
    try:
        noted.write_text(str(port), encoding="ascii")
        yield
    finally:
        noted.unlink(missing_ok=True)
        lock.release()


def require_free(port: int) -> None:
    """Refuse a port that is taken, before anything is started.

    Raises:
        UiError: it is taken, or may not be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            other = port + 1 if port < 65535 else port - 1
            raise UiError(
                f"port {port} on {HOST} cannot be used ({error.strerror}): end what uses it, or name another with "
                f"`evergrow ui --port {other}`; nothing was started"
            ) from error


@contextmanager
def asked_to_end() -> Iterator[list[int]]:
    """The signals that asked this process to end while the context lasts; none of them ends it."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in ENDS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def echo(services: subprocess.Popen[bytes], asked: Sequence[int]) -> None:
    """Repeat what the services print, until they are asked to end; in colour on a terminal alone.

    A tick that the end meets half way finds its workspace gone, and Dagster prints a traceback for it: nothing is lost
    (the next start takes it up again), so it is not shown.
    """
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for printed in services.stdout or ():
        line = printed if coloured else COLOUR.sub(b"", printed)
        if not asked:
            with suppress(OSError):  # nobody reads any more; the services must not block for that
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


def _wait(services: subprocess.Popen[bytes], asked: list[int]) -> int:
    while not asked:
        with suppress(subprocess.TimeoutExpired):
            return services.wait(timeout=0.2)
    return 0


def _end(services: subprocess.Popen[bytes]) -> None:
    """Let the services end in order, as their keeper does when its input ends; what is left of them then is killed."""
    if services.stdin:
        services.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        services.wait(timeout=CALM_S)
    with suppress(ProcessLookupError):
        os.killpg(services.pid, signal.SIGKILL)
    services.wait()
