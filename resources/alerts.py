"""Messages to a webhook or to Slack: what needs a person. The address is a secret, and is never shown."""

import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from evergrow.resources.llm.addresses import HIDDEN
from evergrow.resources.settings import Settings
from evergrow.resources.settings.models import AlertKind

ATTEMPTS, PAUSE_S, TIMEOUT_S = 3, 1.0, 10.0
SHORTEST_SECRET = 8
MOST_CHARS = 2_000  # of what a message says


class AlertError(Exception):
    """A message could not be sent; the text says why, and the remedy, without the address."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What needs a person.

    Attributes:
        kind: what it is, as the setting `alerts.events` names it.
        owner: the batch, tree or release.
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
    host = urlsplit(address).hostname
    if urlsplit(address).scheme not in ("http", "https") or not host:
        raise AlertError(f"the environment variable {name} holds no http or https address")
    told = {
        field: masked(settings, text)[:MOST_CHARS] for field, text in (*asdict(alert).items(), ("text", alert.text))
    }
    body = {"text": told["text"]} if settings.alerts.form == "slack" else told
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    for attempt in range(1, ATTEMPTS + 1):
        why = _posted(request)
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


def _posted(request: urllib.request.Request) -> str | None:
    """Why a message was not taken; None if it was."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - the scheme is checked
            return None
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except OSError as error:
        return str(getattr(error, "reason", error))
