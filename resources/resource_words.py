"""Stores, roles and endpoints in words that anybody may read: without keys and passwords."""

from sqlalchemy import make_url

from evergrow.resources.host.home import Home
from evergrow.resources.host.urls import without_secrets
from evergrow.resources.llm.addresses import address_of
from evergrow.resources.llm.faults import EndpointError
from evergrow.resources.settings import Settings
from evergrow.resources.settings.roles import Role


def lake_url(settings: Settings) -> str:
    """Where the lake is, without the user and password that a URL may carry."""
    return without_secrets(str(settings.lake_url or Home(settings.home).lake))


def ledger_url(settings: Settings) -> str:
    """Where the ledger is, without the password."""
    url = settings.ledger_url
    return make_url(url).render_as_string(hide_password=True) if url else str(settings.home / "ledger.sqlite")


def role_in_words(role: Role) -> str:
    """A role's model, how it is asked and by which endpoints."""
    heat = "no temperature" if role.temperature is None else f"temperature {role.temperature:g}"
    return f"{role.model} ({heat}, up to {role.max_tokens:,} tokens, {role.mode}) at {', '.join(role.endpoints)}"


def endpoint_in_words(settings: Settings, name: str) -> str:
    """An endpoint's URL, without a key; what is missing if it has none."""
    endpoint = settings.endpoints[name]
    if endpoint.kind == "embedded":
        return "the embedded model, on this machine"
    try:
        return address_of(name, endpoint).shown
    except EndpointError as error:
        return f"not usable: {error}"
