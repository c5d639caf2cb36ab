"""Settings of the servers that are asked, and of the one that ships along."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from evergrow.resources.settings.section import Section


def http_url(text: str) -> str:
    """`text` if it is the address of an HTTP server; ValueError if not."""
    parts = urlsplit(text)  # its `port` raises ValueError if it is none
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or any(map(str.isspace, text)):
        raise ValueError("should be a URL such as http://127.0.0.1:8000/v1")
    return text


class Endpoint(Section):
    """A server that speaks the OpenAI chat-completions protocol."""

    kind: Literal["openai", "azure", "embedded"] = Field(
        "openai", description="protocol; `embedded`: the small model that ships along"
    )
    base_url: Annotated[str, AfterValidator(http_url)] | None = Field(
        None, description="empty: OPENAI_BASE_URL, or OpenAI itself"
    )
    api_key_env: str = Field("OPENAI_API_KEY", description="name of the environment variable that holds the key")
    api_version: str = Field("2024-10-21", description="azure: version of its API")
    model: str | None = Field(None, description="what it calls the model (azure: the deployment); empty: as the role")
    answers: Literal["auto", "json_schema", "json_object", "text"] = Field(
        "auto", description="how it is held to a schema; auto: found out once"
    )
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="name of the parameter that bounds an answer (reasoning models: the second)"
    )
    send_seed: bool = Field(True, description="send a child's slot as `seed`: deterministic servers need it")
    weight: PositiveFloat = Field(1.0, description="share of a pool's requests while all of it has room")
    concurrency: PositiveInt = Field(64, description="most requests in flight; fewer while the server refuses many")
    requests_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    input_tokens_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    output_tokens_per_minute: PositiveInt | None = Field(None, description="empty: as many as it takes")
    timeout_s: PositiveFloat = Field(120.0, description="deadline of one attempt, seconds")
    attempts: PositiveInt = Field(6, description="tries per request before it counts as failed, rate limits aside")
    deadline_s: PositiveFloat = Field(900.0, description="longest that one request is tried, rate limits included")
    batch_requests: int = Field(50_000, ge=1, le=50_000, description="most requests of one submission to its Batch API")
    batch_bytes: int = Field(
        200_000_000, ge=100_000, le=200_000_000, description="largest file of one submission to its Batch API"
    )
    patience_s: PositiveFloat = Field(
        300.0, description="a run ends when nothing was answered for this long beyond the deadline of an attempt"
    )


class EmbeddedModel(Section):
    """The llama.cpp server that is started when no endpoint is set."""

    gguf: Path | None = Field(None, description="weights of your own; empty: SmolLM2-135M-Instruct")
    # One slot is fastest on few cores: children of one parent come one after the other and share the parent's prompt.
    slots: PositiveInt = Field(1, description="requests answered at once")
    context: int = Field(4096, ge=512, description="tokens of prompt and answer per request")
    threads: PositiveInt | None = Field(None, description="empty: processors - 1")
