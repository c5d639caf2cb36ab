"""Messages to a webhook or to Slack: what needs a person. The address is a secret, and is never shown."""

import http.client
import json
import os
import queue
import threading
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from evergrow.resources.llm.addresses import HIDDEN, SHORTEST_SECRET
from evergrow.resources.settings import Settings
from evergrow.resources.settings.endpoints import http_url
from evergrow.resources.settings.operation import AlertKind

ATTEMPTS, PAUSE_S, TIMEOUT_S = 3, 1.0, 10.0  # TIMEOUT_S is of a whole attempt
MOST_CHARS = 2_000  # of what a message says


class AlertError(Exception):
    """A message could not be sent; the text says why, and the remedy, without the address."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What needs a person.

    Attributes:
        kind: what it is, as the setting `alerts.events` names it.
        owner: its kind and name, such as `batch b`, `tree t` or `set tree:t`; the job, where no one owns what it makes.
        words: what happened.
        job: what was running, if anything was.
        run_id: the run, if there is one.
    """

    kind: AlertKind
    owner: str
    words: str
    job: str = ""
    run_id: str = ""

    @property
    def text(self) -> str:
        """All of it in one sentence."""
        where = f" (job {self.job}, run {self.run_id})" if self.run_id else ""
        return f"evergrow: {self.kind.replace('_', ' ')}, {self.owner}: {self.words}{where}"


def send(settings: Settings, alert: Alert) -> None:
    """Send a message to the address that the environment holds.

    Raises:
        AlertError: there is no address, it is none, or nobody took the message after some attempts.
    """
    name = settings.alerts.webhook_env
    address = os.environ.get(name, "")
    if not address:
        raise AlertError(
            f"alerts.events is set, but the environment variable {name} holds no address (alerts.webhook_env)"
        )
    host = _host(address)
    if host is None:
        raise AlertError(
            f"the environment variable {name} (alerts.webhook_env) holds no http or https address such as "
            "https://hooks.example.org/services/..., without blanks and without a user or password"
        )
    told = {
        field: masked(settings, text)[:MOST_CHARS] for field, text in (*asdict(alert).items(), ("text", alert.text))
    }
    body = {"text": told["text"]} if settings.alerts.form == "slack" else told
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    for attempt in range(1, ATTEMPTS + 1):
        why = _posted_in_time(request)
        if why is None:
            return
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_S)
    raise AlertError(f"the alert was not taken by {host} in {ATTEMPTS} attempts ({why}); it said: {told['text']}")


def masked(settings: Settings, text: str) -> str:
    """`text` without the keys of endpoints and the address of the webhook, which errors may repeat."""
    names = [settings.alerts.webhook_env, *(endpoint.api_key_env for endpoint in settings.endpoints.values())]
    secrets = {os.environ.get(name, "") for name in names}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a POST that is sent on becomes a GET, which some page of a login answers with 200."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - as the library calls it
        """No request: the answer itself is then the error."""


def _host(address: str) -> str | None:
    """The host of an address to which a message can be sent; None if it is none: what is wrong would show it."""
    try:
        parts = urlsplit(http_url(address))
    except ValueError:
        return None
    return parts.hostname if address.isascii() and address.isprintable() and "@" not in parts.netloc else None


def _posted_in_time(request: urllib.request.Request) -> str | None:
    """As `_posted`, within `TIMEOUT_S`: a socket's own limit holds for each address of a host, and for each byte."""
    said = queue.SimpleQueue[str | None]()
    threading.Thread(target=lambda: said.put(_posted(request)), name="alert", daemon=True).start()
    try:
        return said.get(timeout=TIMEOUT_S)
    except queue.Empty:
        return "TimeoutError"


def _posted(request: urllib.request.Request) -> str | None:
    """Why a message was not taken, without the texts of errors, which repeat the address; None if it was."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(getattr(error, "reason", error)).__name__
