"""An S3-compatible server on loopback, and a proxy before it that does what networks and busy stores do."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
BUCKET = "lake"
OF_A_HOP = ("host", "content-length", "connection", "transfer-encoding", "expect")


class ObjectStore:
    """A moto server in a process of its own, with one empty bucket; it ends with `close`, or with this process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT"))

    def reset(self) -> None:
        """Empty it."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"))
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT"))

    def close(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def variables(url: str) -> dict[str, str]:
    """The environment that points S3 clients to a server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def forget_clients() -> None:
    """Have the next S3 client be a new one: fsspec keeps them, and with them the server that they point to."""
    import s3fs  # noqa: PLC0415 - an extra

    s3fs.S3FileSystem.clear_instance_cache()


@dataclass
class Proxy:
    """Passes requests on to a server. `faults`: how many of the next requests of a method meet what.

    "500": an internal error; "cut": half of the answer's body; "slow": no answer for `slow_s`; "torn": half of the
    request's body is taken, then the connection ends.
    """

    target: str
    faults: dict[tuple[str, str], int] = field(default_factory=dict)
    slow_s: float = 3.0
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def fault(self, method: str) -> str:
        """What the next request of a method meets."""
        with self._lock:
            self.seen[method] += 1
            for (of, name), left in self.faults.items():
                if of == method and left > 0:
                    self.faults[of, name] = left - 1
                    return name
        return ""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        fault = self.proxy.fault(self.command)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "torn":
            self.rfile.read(length // 2 or 5)
            self.close_connection = True
            return
        body = self.rfile.read(length) if length else self._chunks()
        if fault == "slow":
            time.sleep(self.proxy.slow_s)
        if fault == "500":
            self._answer(500, {}, b"<Error><Code>InternalError</Code><Message>try again</Message></Error>")
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in OF_A_HOP}
        headers.setdefault("Content-Type", "binary/octet-stream")  # else urllib says that it is a form
        request = urllib.request.Request(f"{self.proxy.target}{self.path}", body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as answer:
                status, found, data = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, found, data = error.code, error.headers, error.read()
        self._answer(status, dict(found), data, cut=fault == "cut")

    def _chunks(self) -> bytes:
        """The body of a request that does not tell its length; empty where there is none."""
        body = b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def _answer(self, status: int, headers: dict[str, str], data: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        size = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass
