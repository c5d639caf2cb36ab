"""Where endpoints listen, by settings and environment."""

import os
from typing import NamedTuple
from urllib.parse import urlsplit

from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.settings import models

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # servers without keys get one nevertheless: the SDK insists


class Address(NamedTuple):
    """Where a server listens and what key it wants."""

    base_url: str
    api_key: str

    @property
    def shown(self) -> str:
        """The URL as it may be shown and kept: without a user, password or query, which may hold secrets."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def address_of(name: str, endpoint: models.Endpoint) -> Address:
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
            f"endpoint {name!r} ({base_url or OPENAI_URL}) needs a key: set the environment variable "
            f"{endpoint.api_key_env}, or endpoints.{name}.base_url for a server without keys"
        )
    try:
        return Address(models.http_url(base_url or OPENAI_URL), key or NO_KEY)
    except ValueError as error:
        raise EndpointError(f"endpoint {name!r}: OPENAI_BASE_URL {error}, not {base_url!r}") from error
