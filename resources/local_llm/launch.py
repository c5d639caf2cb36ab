"""Starting the embedded model's server and stopping it: see `running`."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TextIO
from urllib.parse import urlsplit

from evergrow.resources.local_llm.server_config import ServerConfig
from evergrow.resources.local_llm.weights import LocalModelError, find_weights
from evergrow.resources.settings.endpoints import EmbeddedModel

START_DEADLINE_S = 120.0
HEALTH_DEADLINE_S = 10.0
LOG_LINES_SHOWN, LOG_BYTES_READ = 5, 8192
MODULE = "evergrow.resources.local_llm.server"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server is reached: an OpenAI-compatible URL on loopback, its key and the name of its one model."""

    base_url: str
    api_key: str = field(repr=False)
    model: str


@contextmanager
def running(embedded: EmbeddedModel, log_file: Path | None = None) -> Iterator[ServerAddress]:
    """Run the embedded model's server until the context ends; it also ends with this process, however this one ends.

    Args:
        embedded: which weights, how many requests at once, how much context, how many threads.
        log_file: where llama.cpp's warnings are appended; without one they are kept until the server has stopped.

    Raises:
        LocalModelError: the weights are missing or damaged, or the server does not start; with its log's last lines.
    """
    weights = find_weights(embedded.gguf)
    config = ServerConfig(
        gguf=weights.path,
        model=weights.model,
        api_key=secrets.token_urlsafe(32),
        slots=embedded.slots,
        context=embedded.context,
        threads=embedded.threads or max(1, (os.cpu_count() or 1) - 1),
    )
    with _open_log(log_file) as log:
        process = _start(config, log)
        try:
            address = ServerAddress(_await_base_url(process, log), config.api_key, config.model)
            _check_health(address, log)
            yield address
        finally:
            process.kill()  # it has nothing to save
            process.communicate()


def _open_log(path: Path | None) -> IO[bytes]:
    if path is None:
        return tempfile.TemporaryFile()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+b")


def _start(config: ServerConfig, log: IO[bytes]) -> subprocess.Popen[str]:
    log.seek(0, os.SEEK_END)
    # -P keeps modules of the working directory out.
    command = [sys.executable, "-P", "-m", MODULE]
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
    )
    # Standard input stays open: its end is what tells the server that this process is gone. A server that is gone
    # already has its end reported by `_await_base_url`.
    with suppress(BrokenPipeError):
        _pipe(process.stdin).write(config.model_dump_json() + "\n")
        _pipe(process.stdin).flush()
    return process


def _await_base_url(process: subprocess.Popen[str], log: IO[bytes]) -> str:
    """The address that the server reports; it reports nothing when it crashes or hangs."""
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(_pipe(process.stdout).readline()), daemon=True)
    reader.start()
    reader.join(START_DEADLINE_S)
    if reader.is_alive():
        raise _failure(f"did not start within {START_DEADLINE_S:.0f} s", log)
    if not lines[0]:
        raise _failure(f"ended while it started, with status {process.wait()}", log)
    report = json.loads(lines[0])
    if "error" in report:
        raise _failure(f"did not start: {report['error']}", log)
    return str(report["base_url"])


def _check_health(address: ServerAddress, log: IO[bytes]) -> None:
    """Ask for the list of models, which takes the key and a loaded model."""
    import http.client  # noqa: PLC0415 - only where the embedded model runs

    url = urlsplit(address.base_url)
    connection = http.client.HTTPConnection(url.netloc, timeout=HEALTH_DEADLINE_S)
    try:
        connection.request("GET", f"{url.path}/models", headers={"Authorization": f"Bearer {address.api_key}"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _failure(f"cannot be reached at {address.base_url}: {error}", log) from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK or address.model.encode() not in body:
        raise _failure(f"is not well: HTTP {response.status} from {address.base_url}/models", log)


def _failure(what: str, log: IO[bytes]) -> LocalModelError:
    log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES_READ))
    lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    told = "".join(f"\n  {line}" for line in lines)
    return LocalModelError(f"the embedded model's server {what}{f'; the end of its log:{told}' if told else ''}")


def _pipe(stream: TextIO | IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
