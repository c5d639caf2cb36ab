"""How one model of one endpoint is spoken to: what it takes of a request, found out once and remembered."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from evergrow.resources.llm.faults import Fault, FaultClass
from evergrow.resources.settings.endpoints import Endpoint

Mode = Literal["json_schema", "json_object", "text"]
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "text")
TokenLimit = Literal["max_tokens", "max_completion_tokens"]
_OTHER: dict[TokenLimit, TokenLimit] = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of a request is taken.

    mode: the strongest way of structured answers; keywords: whether schemas may bound lengths, counts and numbers.
    token_limit: the parameter that bounds an answer; renamed: whether that is not the settings' own.
    temperature, seed, system: whether these are sent. stream: whether the answer has to be asked for as a stream;
    stream_usage: whether that takes `stream_options`. base64: whether vectors may be asked for in this form.
    """

    mode: Mode = MODES[0]
    keywords: bool = True
    token_limit: TokenLimit = "max_tokens"  # noqa: S105 - a name of a parameter
    renamed: bool = False
    temperature: bool = True
    seed: bool = True
    system: bool = True
    stream: bool = False
    stream_usage: bool = True
    base64: bool = True

    def without(self, fault: Fault, *, fixed_mode: bool) -> "Capabilities | None":
        """What is left when `fault` is heeded; None if there is nothing that could be left out.

        fixed_mode: the settings say how answers are held to a schema.
        """
        if fault.kind is FaultClass.ANSWERS:
            if fault.about and self.keywords and self.mode == MODES[0]:
                return replace(self, keywords=False)
            return None if fixed_mode else self.weaker()
        if fault.kind is not FaultClass.PARAMETER:
            return None
        if fault.about == self.token_limit:
            return None if self.renamed else replace(self, token_limit=_OTHER[self.token_limit], renamed=True)
        changed = {
            "temperature": replace(self, temperature=False),
            "seed": replace(self, seed=False),
            "system": replace(self, system=False),
            "stream": replace(self, stream=True),
            "stream_options": replace(self, stream_usage=False),
            "encoding_format": replace(self, base64=False),
        }.get(fault.about, self)
        return None if changed == self else changed

    def weaker(self) -> "Capabilities | None":
        """The next weaker way of structured answers; None if there is none."""
        place = MODES.index(self.mode) + 1
        return replace(self, mode=MODES[place]) if place < len(MODES) else None

    def text(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(asdict(self), sort_keys=True)


def capabilities_of(endpoint: Endpoint, known: str | None = None) -> Capabilities:
    """What the settings say of an endpoint, and what is `known` from the ledger of what they leave open."""
    fixed = endpoint.answers
    found = Capabilities(
        mode=MODES[0] if fixed == "auto" else fixed, token_limit=endpoint.token_limit, seed=endpoint.send_seed
    )
    try:
        told: Any = json.loads(known or "{}")
    except ValueError:
        return found
    if not isinstance(told, dict):
        return found
    if fixed == "auto" and told.get("mode") in MODES:
        found = replace(found, mode=told["mode"])
    if told.get("renamed") is True and told.get("token_limit") in _OTHER:
        found = replace(found, token_limit=told["token_limit"], renamed=told["token_limit"] != endpoint.token_limit)
    if told.get("seed") is False:
        found = replace(found, seed=False)
    names = ("keywords", "temperature", "system", "stream", "stream_usage", "base64")
    return replace(found, **{name: told[name] for name in names if isinstance(told.get(name), bool)})
