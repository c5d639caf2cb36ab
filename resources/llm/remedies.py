"""What helps when an endpoint refuses, or a model answers nothing of use: the setting, variable or name to change."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from evergrow.methods.text.answers import excerpt
from evergrow.methods.text.counts import counted
from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.settings.endpoints import Endpoint
from evergrow.resources.settings.roles import EMBEDDING

BY_STATUS = {
    401: "set {variable} to a valid key",
    402: "top up the account",
    403: "give the key in {variable} access to the model",
    404: "check the model's name and base_url (it usually ends in /v1)",
    429: "raise the account's quota, or wait until it is renewed",
}
BY_CLASS = {
    FaultClass.TRANSIENT: "check base_url, and that the server runs and has memory to spare; then run again",
    FaultClass.LIMIT: "lower endpoints.{name}.concurrency or set its requests_per_minute, then run again",
    FaultClass.CONTEXT: "lower roles.{role}.max_tokens, shorten the prompt, or take a model with a longer context",
    FaultClass.REJECTED: "try `evergrow doctor --endpoint {name}`, which finds out what the endpoint takes",
    FaultClass.ANSWERS: "set endpoints.{name}.answers to text",
}
LONG_S, HOUR_S = 120.0, 3600.0
OTHERWISE = "check base_url, and that the server runs"
_QUOTA = re.compile(r"quota|per day|daily|credit|balance", re.IGNORECASE)
_PARAMETER = re.compile(r"\b(max_tokens|max_completion_tokens|seed|temperature)\b")


def remedy(fault: Fault, name: str, endpoint: Endpoint, role: str = "") -> str:
    """What helps against `fault` of the endpoint `name`, asked on behalf of `role`."""
    if role == EMBEDDING and fault.kind is FaultClass.CONTEXT:
        return "have the server cut what is too long (text-embeddings-inference: --auto-truncate), or shorten the text"
    general = BY_STATUS.get(fault.status or 0) if fault.kind is FaultClass.ENDPOINT else None
    general = general or BY_CLASS.get(fault.kind, OTHERWISE)
    if fault.kind in (FaultClass.ENDPOINT, FaultClass.LIMIT) and _QUOTA.search(fault.message) and fault.status != 402:
        general = BY_STATUS[429]
    if fault.kind is FaultClass.ENDPOINT and fault.status in (400, 422):
        general = "check the model's name, and that {variable} holds a valid key"
    if (fault.retry_after_s or 0.0) > LONG_S:
        general = f"{general}; it says to come back in {_duration(fault.retry_after_s or 0.0)}"
    return parameter(fault, name, endpoint, role) or general.format(
        variable=endpoint.api_key_env, name=name, role=role or "ROLE"
    )


def parameter(fault: Fault, name: str, endpoint: Endpoint, role: str = "") -> str:
    """The setting that keeps a parameter from being sent which the endpoint rejects by name; "" if it names none."""
    kinds = (FaultClass.REJECTED, FaultClass.PARAMETER)
    found = _PARAMETER.search(fault.message) if fault.kind in kinds else None
    if found is None:
        return ""
    if found[1] == "seed":
        return f"set endpoints.{name}.send_seed to false"
    if found[1] == "temperature":
        return f"set roles.{role or 'ROLE'}.temperature to null, so that it is not sent, or to a value that it takes"
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
    return (
        f"set endpoints.{name}.token_limit to {other[endpoint.token_limit]}, or lower roles.{role or 'ROLE'}.max_tokens"
    )


def _duration(seconds: float) -> str:
    return f"{seconds / HOUR_S:.1f} hours" if seconds >= HOUR_S else f"{seconds / 60:.0f} minutes"


def invalid(reason: str, name: str, role: str) -> str:
    """What helps where answers of the endpoint `name` to `role` cannot be used because of `reason`."""
    if role == EMBEDDING:
        return f"see that endpoints.{name} serves embedding.model, and answers one vector of its width for each text"
    if "still thought" in reason:
        return f"raise roles.{role}.max_tokens well above what the model thinks, or make it think less"
    if "token limit" in reason:
        return f"raise roles.{role}.max_tokens"
    return f"take a more capable model for the role {role!r}, or set endpoints.{name}.answers"


def unlisted(model: str, listed: Sequence[str]) -> str:
    """What to add when the endpoint lists its models, and `model` is not among them; "" if it may be."""
    if not model or not listed or model in listed:
        return ""
    near = [excerpt(repr(match)) for match in get_close_matches(model, listed, n=3)]
    return f"; it lists {counted(len(listed), 'models')}, not this one" + (
        f"; did you mean {' or '.join(near)}?" if near else ""
    )
