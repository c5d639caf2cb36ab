"""What all prompts of this folder have in common: lists of untrusted texts in fences, schemas made to measure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evergrow.methods.text.prompts import Prompt, Rendered, fence, load_prompt
from evergrow.methods.treesynth.answer_models import ANSWERS
from evergrow.methods.treesynth.domain import Domain

PROMPTS = Path(__file__).with_name("prompts")


def prompt(name: str) -> Prompt:
    """The prompt `name` of TreeSynth."""
    return load_prompt(PROMPTS, name, ANSWERS[name])


def version(name: str, domain: Domain) -> str:
    """The version of a prompt in a domain: it changes with the prompt's files and with the domain's."""
    return f"{prompt(name).version}-{domain.digest[:6]}"


def around(texts: Iterable[object]) -> str:
    """A fence for several texts, which none of them contains: all of them make it."""
    return fence("\0".join(map(str, texts)))


def render(name: str, domain: Domain, schema: Mapping[str, Any] | None = None, **values: object) -> Rendered:
    """The prompt `name` with the domain's words; `schema` replaces that of the prompt's answer."""
    rendered = prompt(name).render(domain=domain, **values)
    return replace(rendered, schema=schema or rendered.schema, version=version(name, domain))


def schema_of(name: str) -> dict[str, Any]:
    """The schema of the prompt's answer, to be narrowed."""
    return ANSWERS[name].schema_of_answer()
