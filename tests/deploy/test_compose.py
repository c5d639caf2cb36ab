"""The parts of compose.yaml by the very commands that it starts, on one host instead of in containers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from tests.command import until
from tests.conftest import ROOT
from tests.live import Live, free_port, of_home
from tests.object_store import ObjectStore
from tests.platform import functions
from tests.resources.conftest import postgres

DEPLOY = ROOT / "deploy"
SECRETS = {"POSTGRES_PASSWORD": "canary-of-postgres", "STORE_KEY": "key", "STORE_SECRET": "secret"}
RUNS = "{ runsOrError { ... on Runs { results { jobName status } } } }"
HEALTH = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


class Compose:
    """What compose.yaml says, with the addresses of this host in place of the names of its services."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._said = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
        self._addresses = addresses

    def command(self, service: str) -> list[str]:
        """What a service is started by: its own command, or the image's."""
        image = re.search(r"^CMD (.+)$", (DEPLOY / "Containerfile").read_text(encoding="utf-8"), re.MULTILINE)
        assert image
        words = self._said["services"][service].get("command") or json.loads(image.group(1))
        return [self.here(str(word)) for word in words]

    def probe(self, service: str) -> list[str]:
        """What tells whether a service is healthy."""
        return [self.here(str(word)) for word in self._said["services"][service]["healthcheck"]["test"][1:]]

    def environment(self, service: str) -> dict[str, str]:
        """The variables that a service gets."""
        return {name: self.here(str(value)) for name, value in self._said["services"][service]["environment"].items()}

    def config(self, name: str) -> str:
        """A file that services get."""
        told = self._said["configs"][name]
        return self.here(told["content"] if "content" in told else (DEPLOY / told["file"]).read_text(encoding="utf-8"))

    def here(self, text: str) -> str:
        """The text with the secrets of `.env`, and with addresses of this host."""
        text = re.sub(r"\$\{(\w+)(?::[-?][^}]*)?\}", lambda found: SECRETS.get(found.group(1), ""), text)
        for name, address in self._addresses.items():
            text = re.sub(name, address, text)
        return text


def program_of(name: str) -> str:
    """A program that the image has on its PATH."""
    return sys.executable if name == "python" else str(Path(sys.executable).parent / name)


def answers(port: int) -> bool:
    """Whether a server takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A part that is asked to end as `docker stop` does, and has to."""
    home = Path(environment["EVERGROW_HOME"])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program_of(arguments[0]), *arguments[1:]],
            cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            until(lambda: process.poll() is not None and not of_home(home), lambda: log.read_text()[-2000:])
        finally:
            for pid in of_home(home):
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()


def settled(compose: Compose, name: str, home: Path) -> dict[str, str]:
    """The variables of a part, whose home holds what compose mounts there and nothing else."""
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(compose.config("dagster"))
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("EVERGROW_", "DAGSTER_"))},
        **compose.environment(name), "AWS_EC2_METADATA_DISABLED": "true", "OPENAI_API_KEY": "none",
        "EVERGROW_SENSORS__INTERVAL_S": "1", "DAGSTER_DISABLE_TELEMETRY": "1",
        "EVERGROW_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"),
    }  # fmt: skip


def do(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command within a part."""
    program = [program_of(arguments[0]), *arguments[1:]]
    home = environment["EVERGROW_HOME"]
    return subprocess.run(program, cwd=home, env=environment, capture_output=True, text=True, check=False)


def make_databases(server: str, compose: Compose) -> None:
    """What PostgreSQL's image makes when it starts for the first time."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE dagster"))  # POSTGRES_DB
        connection.execute(sa.text(compose.config("databases")))
    engine.dispose()


def test_the_parts_find_each_other_and_a_batch_is_loaded(tmp_path: Path) -> None:
    ports = {name: str(free_port()) for name in ("postgres", "code", "webserver")}
    with ExitStack() as stack:
        server = stack.enter_context(postgres(int(ports["postgres"])))
        store = ObjectStore()
        stack.callback(store.close)
        urllib.request.urlopen(urllib.request.Request(f"{store.url}/moto-api/reset", method="POST"))
        compose = Compose(
            {
                r"@postgres/": f"@127.0.0.1:{ports['postgres']}/",
                r"^postgres$": "127.0.0.1",
                r"port: 5432": f"port: {ports['postgres']}",
                r"http://store:8333": store.url,
                r"host: code, port: 4000": f"host: 127.0.0.1, port: {ports['code']}",
                r"^4000$": ports["code"],
                r"^3000$": ports["webserver"],
                r"^0\.0\.0\.0$": "127.0.0.1",
                r"^/etc/evergrow": str(tmp_path),
            }
        )
        make_databases(server, compose)
        (tmp_path / "workspace.yaml").write_text(compose.config("workspace"))
        within = {name: settled(compose, name, tmp_path / name) for name in ("bucket", "code", "webserver", "daemon")}

        made = do(compose.command("bucket"), within["bucket"])
        assert made.returncode == 0, made.stderr
        stack.enter_context(started(compose.command("code"), within["code"], tmp_path / "code.txt"))
        until(lambda: answers(int(ports["code"])), (tmp_path / "code.txt").read_text)
        until(lambda: do(compose.probe("code"), within["code"]).returncode == 0, (tmp_path / "code.txt").read_text)
        for name in ("webserver", "daemon"):
            stack.enter_context(started(compose.command(name), within[name], tmp_path / f"{name}.txt"))
        ui = Live(int(ports["webserver"]), tmp_path / "webserver.txt")
        until(ui.ready, ui.said, look_s=0.5)
        functions(1).frame.select("content").write_ndjson(tmp_path / "code" / "functions.jsonl")
        added = do(["evergrow", "seeds", "add", "functions.jsonl", "--batch", "b"], within["code"])
        assert added.returncode == 0, added.stderr

        def runs() -> list[Any]:
            return list(ui.ask(RUNS)["runsOrError"]["results"])

        until(lambda: {"jobName": "seeds", "status": "SUCCESS"} in runs(), lambda: f"{runs()}\n{ui.said()}", 0.5)

        def ill() -> list[str]:
            found = ui.ask(HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]
            return [one["daemonType"] for one in found if one["required"] and not one["healthy"]]

        until(lambda: not ill(), lambda: f"{ill()} are not healthy", 0.5)

    state = [path for path in tmp_path.rglob("*") if path.suffix in (".sqlite", ".db", ".parquet", ".arrow")]
    assert [path for path in state if "copies" not in path.parts] == []
