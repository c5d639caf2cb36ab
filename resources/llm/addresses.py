"""Where endpoints listen, by settings and environment."""

import os
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from evergrow.resources.host.urls import without_secrets
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.settings.endpoints import Endpoint, http_url

OPENAI_URL = "https://api.openai.com/v1"
SHORTEST_SECRET = 8  # characters: what is shorter would also be masked where it is a word
HIDDEN = "[key]"
NO_KEY = "none"  # servers without keys get one nevertheless: the SDK insists


class Address(NamedTuple):
    """Where a server listens and what key it wants."""

    base_url: str
    api_key: str

    @property
    def shown(self) -> str:
        """The URL as it may be shown and kept: without a user, password or query, which may hold secrets."""
        return without_secrets(self.base_url)

    def masked(self, text: str) -> str:
        """`text` without secrets: gateways echo them, and neither ledger nor log may hold one."""
        for secret in _secrets(self):
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text


@lru_cache
def _secrets(address: Address) -> tuple[str, ...]:
    """What must not be kept: the key, and the password and the values of a query in the URL; longest first."""
    parts = urlsplit(address.base_url)
    known = [address.api_key if address.api_key != NO_KEY else "", parts.password or "", unquote(parts.password or "")]
    known += [value for _, value in parse_qsl(parts.query)]
    return tuple(sorted({secret for secret in known if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True))


def url_of(endpoint: Endpoint) -> str:
    """Where an endpoint that speaks OpenAI's protocol listens, by settings and environment."""
    return endpoint.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


def address_of(name: str, endpoint: Endpoint) -> Address:
    """Where the settings and the environment say that endpoint `name` is.

    Raises:
        EndpointError: neither a URL nor a key is set, or the URL is none.
    """
    key = os.environ.get(endpoint.api_key_env) or None
    base_url = endpoint.base_url or (os.environ.get("OPENAI_BASE_URL") if endpoint.kind == "openai" else None) or None
    if base_url is None and endpoint.kind == "azure":
        raise EndpointError(f"endpoint {name!r} is of kind azure and needs endpoints.{name}.base_url")
    if key is None and (base_url is None or endpoint.kind == "azure"):
        raise EndpointError(
            f"endpoint {name!r} ({Address(base_url or OPENAI_URL, NO_KEY).shown}) needs a key: set the environment "
            f"variable {endpoint.api_key_env}, or endpoints.{name}.base_url for a server without keys"
        )
    try:
        return Address(http_url(base_url or OPENAI_URL), key or NO_KEY)
    except ValueError as error:
        shown = "what is set (it holds a secret)" if "@" in str(base_url) else repr(base_url)
        raise EndpointError(f"endpoint {name!r}: OPENAI_BASE_URL {error}, not {shown}") from error
