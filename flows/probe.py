"""Finds out, by a handful of small requests, what an endpoint takes, and which settings fit it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from evergrow.resources.host.progress import LogProgress
from evergrow.resources.ledger import Call, Ledger
from evergrow.resources.llm import Address, Answered, Attribution, EndpointError, Engine, Outcome, Request
from evergrow.resources.llm.capabilities import Capabilities, capabilities_of
from evergrow.resources.settings import Settings, SettingsError
from evergrow.resources.settings.roles import CORE_ROLES

ASSET = "doctor"
QUESTIONS = 3  # what is asked; each is asked again without what the endpoint refuses
MOST_REQUESTS = 14
ANSWER_TOKENS = 512
SCHEMA = {
    "title": "colours",
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3}},
    "required": ["colours"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found of one model at an endpoint.

    Attributes:
        endpoint, url, model: who was asked.
        takes: what it takes of a request.
        findings: rows `what, found, setting` (what to set; "" if nothing has to be).
        settings: the settings of `endpoints.NAME` that fit it and are not set yet.
        requests: how many were sent.
    """

    endpoint: str
    url: str
    model: str
    takes: Capabilities
    findings: list[dict[str, str]]
    settings: dict[str, Any]
    requests: int


def model_of(settings: Settings, name: str) -> tuple[str, str]:
    """The role that speaks to the endpoint `name`, and its model.

    Raises:
        SettingsError: no such endpoint, or no model is set for it.
    """
    if name not in settings.endpoints:
        raise SettingsError(f"no endpoint {name!r}; known are {', '.join(sorted(settings.endpoints))}")
    roles = [role for role in type(settings.roles).model_fields if name in settings.role(role).endpoints]
    role = roles[0] if roles else CORE_ROLES[0]
    model = settings.role(role).model
    if not model:
        raise SettingsError(f"no model is set for endpoint {name!r}: set model, or roles.{role}.model")
    return role, model


async def probe(settings: Settings, ledger: Ledger, name: str, addresses: Mapping[str, Address]) -> Probed:
    """Ask `QUESTIONS` small questions of the endpoint `name` and say what it takes.

    Raises:
        EndpointError: it cannot be used at all.
        SettingsError: it is not among the settings.
    """
    role, model = model_of(settings, name)
    alone = _alone(settings, name)
    run_id = f"doctor-{uuid4().hex[:12]}"
    who = Attribution(run_id, ASSET, name, ASSET)
    outcomes: dict[str, Outcome[object]] = {}
    failure: EndpointError | None = None
    async with Engine.open(alone, ledger, who, LogProgress(logging.getLogger(__name__)), addresses=addresses) as engine:
        for request in _questions(run_id, role):
            try:
                async for outcome in engine.ask([request], _read, label="doctor", total=1):
                    outcomes[request.key] = outcome
            except EndpointError as error:
                failure = error
                break
        sent = int(engine.summary()["attempts"] or 0)
    if failure is not None and not any(isinstance(outcome, Answered) for outcome in outcomes.values()):
        raise failure
    calls = ledger.latest(batch=ASSET, run_id=run_id, limit=MOST_REQUESTS)
    url = next((call.base_url for call in calls if call.base_url), "")
    known = ledger.capabilities(url or "", model)
    takes = capabilities_of(settings.endpoints[name], known)
    found = _findings(name, role, takes, outcomes, calls)
    return Probed(name, url or "", model, takes, found, _settings(settings, name, takes), sent)


def _alone(settings: Settings, name: str) -> Settings:
    """Settings under which every role asks this endpoint, a short answer at a time."""
    short = {"endpoint": name, "draws": 1, "repair": False, "mode": "live", "max_tokens": ANSWER_TOKENS}
    roles = {role: settings.role(role).model_copy(update=short) for role in type(settings.roles).model_fields}
    return settings.model_copy(update={"roles": settings.roles.model_copy(update=roles)})


def _questions(run_id: str, role: str) -> list[Request]:
    """One of plain text, one by a schema, and the first one again: its answer should be the same."""
    mark = f"(This is the test {run_id}.)"
    system = "You answer in as few words as possible."
    text = "Which colour is the sky on a clear day? "
    return [
        Request("text", role, system, text + mark, None, slot=7),
        Request("schema", role, system, "Name two colours of the rainbow. " + mark, SCHEMA, slot=7),
        Request("again", role, system, f"{text}{mark} ", None, slot=7),
    ]


def _read(answer: object) -> object:
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, dict) or not isinstance(answer.get("colours"), list):
        raise ValueError("the answer has no list of 'colours'")  # noqa: TRY004 - an invalid answer, not a bug
    return answer


def _findings(
    name: str,
    role: str,
    takes: Capabilities,
    outcomes: Mapping[str, Outcome[object]],
    calls: list[Call],
) -> list[dict[str, str]]:
    """What was found, each with the setting that says so for good."""
    temperature = f"roles.{role}.temperature: null"
    told = [call.tokens_in is not None and call.tokens_out is not None for call in calls if call.reply]
    usage = ("told" if all(told) else "not told: budgets count estimates") if told else "not seen: no reply came"
    thinks = any(isinstance(o, Answered) and o.thoughts for o in outcomes.values()) or any(
        c.tokens_thought for c in calls
    )
    rows = [
        ("structured answers", takes.mode, f"endpoints.{name}.answers: {takes.mode}"),
        ("bounds in schemas", "taken" if takes.keywords else "not taken: left out", ""),
        ("token limit", takes.token_limit, f"endpoints.{name}.token_limit: {takes.token_limit}"),
        (
            "temperature",
            "taken" if takes.temperature else "not taken: left out",
            "" if takes.temperature else temperature,
        ),
        (
            "seed",
            "taken" if takes.seed else "not taken: left out",
            f"endpoints.{name}.send_seed: {str(takes.seed).lower()}",
        ),
        ("system role", "taken" if takes.system else "not taken: folded into the user's turn", ""),
        ("replies", "only as a stream" if takes.stream else "in one piece", ""),
        ("usage", usage, ""),
        ("thinking", f"thinks before it answers: give roles.{role}.max_tokens room" if thinks else "none seen", ""),
    ]
    for key, what in (("text", "plain text"), ("schema", "an answer by schema")):
        outcome = outcomes.get(key)
        rows.append((what, "answered" if isinstance(outcome, Answered) else _why(outcome), ""))
    return [{"what": what, "found": found, "setting": setting} for what, found, setting in rows]


def _why(outcome: Outcome[object] | None) -> str:
    if outcome is None:
        return "not asked"
    return str(getattr(outcome, "message", None) or getattr(outcome, "reason", ""))


def _settings(settings: Settings, name: str, takes: Capabilities) -> dict[str, Any]:
    """What fits and differs from what is set."""
    endpoint = settings.endpoints[name]
    wanted = {"answers": takes.mode, "token_limit": takes.token_limit, "send_seed": takes.seed}
    return {key: value for key, value in wanted.items() if getattr(endpoint, key) != value}
