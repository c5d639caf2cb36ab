"""Prompts: one jinja2 file each, versioned by hash, with untrusted text fenced.

A file has a block `system` and a block `user`; beside it lies a JSON schema of the same name that the answer must meet,
or none where the answer is plain text.
Values are only ever values: they are never parsed as templates.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with its values filled in: what a model reads, and the shape that its answer must have (None: text)."""

    system: str
    user: str
    schema: Mapping[str, object] | None
    version: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: its template, its answer's JSON schema (None: plain text) and the version of both."""

    template: jinja2.Template
    schema: Mapping[str, object] | None
    version: str

    def render(self, **values: object) -> Rendered:
        """Fill in `values`.

        Raises:
            jinja2.UndefinedError: the template uses a value that is not given.
        """
        context = self.template.new_context(values)
        system, user = ("".join(self.template.blocks[name](context)).strip() for name in ("system", "user"))
        return Rendered(system, user, self.schema, self.version)


@cache
def load_prompt(folder: Path, name: str) -> Prompt:
    """The prompt `name` of `folder`: files `<name>.jinja2` and `<name>.schema.json`; its version is their hash.

    Without the second the answer is plain text.
    """
    source = (folder / f"{name}.jinja2").read_text(encoding="utf-8")
    beside = folder / f"{name}.schema.json"
    schema = beside.read_text(encoding="utf-8") if beside.exists() else "null"
    # Prompts are plain text for a model, not HTML: escaping would corrupt the code that they carry.
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    version = hashlib.sha256(f"{source}\0{schema}".encode()).hexdigest()[:12]
    return Prompt(environment.from_string(source), json.loads(schema), version)


def fence(text: str) -> str:
    """A line to put before and after untrusted `text`, which cannot contain it: it is made from the text's own hash.

    A fixed delimiter could be closed by the text; a random one would make every rendering a new request to pay for.
    """
    return f"=== {hashlib.sha256(text.encode()).hexdigest()[:16]} ==="
