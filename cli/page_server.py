"""Serves one page on 127.0.0.1 until it is interrupted; nobody else's page can read it."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evergrow.cli.ui import HOST, UiError, asked_to_end

LOOK_S = 0.2
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def serve_page(text: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve `text` as the only page, at `/`, until the process is interrupted or terminated.

    Args:
        text: the page.
        port: on `HOST`; 0 for any that is free.
        ready: told the address, once it answers.

    Raises:
        UiError: the port is taken.
    """
    body = text.encode("utf-8")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self._begin():
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self._begin()

        def _begin(self) -> bool:
            """Answer all but the page; returns whether it is asked for."""
            # A name that somebody else's page had resolve to this machine is not ours to answer.
            known = self.headers.get("Host", "").rpartition(":")[0] in (HOST, "localhost")
            found = known and self.path.partition("?")[0] == "/"
            self.send_response(200 if found else 404 if known else 403)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if found else 0))
            self.end_headers()
            return found

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            """Say nothing: the terminal belongs to the user."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise UiError(
            f"port {port} on {HOST} cannot be used ({error.strerror}): end what uses it, or leave --port away"
        ) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": LOOK_S}, daemon=True)
    with asked_to_end() as asked, server:
        thread.start()
        ready(f"http://{HOST}:{server.server_address[1]}/")
        while not asked:
            time.sleep(LOOK_S)
        server.shutdown()
