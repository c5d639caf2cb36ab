"""Prompts: one jinja2 file each, versioned by hash, with untrusted text fenced.

A file has a block `system` and a block `user`. The shape of its answer is a class (`AnswerModel`), or a JSON schema of
the same name beside it; with neither the answer is plain text.
Values are only ever values: they are never parsed as templates.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evergrow.methods.text.answer_model import AnswerModel

if TYPE_CHECKING:
    import jinja2

_readable = json.JSONEncoder(ensure_ascii=False).encode  # made once: a prompt quotes many texts


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with its values filled in: what a model reads, and the shape that its answer must have (None: text)."""

    system: str
    user: str
    schema: Mapping[str, object] | None
    version: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file: its template's text, its answer's JSON schema (None: plain text) and the version of both."""

    source: str
    schema: Mapping[str, object] | None
    version: str

    def render(self, **values: object) -> Rendered:
        """Fill in `values`.

        Raises:
            jinja2.UndefinedError: the template uses a value that is not given.
        """
        template = _template(self.source)
        context = template.new_context(values)
        system, user = ("".join(template.blocks[name](context)).strip() for name in ("system", "user"))
        return Rendered(system, user, self.schema, self.version)


@cache
def load_prompt(
    folder: Path, name: str, answer: type[AnswerModel] | None = None, beside: tuple[Path, ...] = ()
) -> Prompt:
    """The prompt `name` of `folder`; its version is the hash of its template and of its answer's schema.

    Args:
        folder: where `<name>.jinja2` lies.
        name: of the prompt.
        answer: the shape of its answer; without it `<name>.schema.json` says, without that the answer is plain text.
        beside: further files whose words the prompt carries: the version is of these, too.
    """
    source = (folder / f"{name}.jinja2").read_text(encoding="utf-8")
    file = folder / f"{name}.schema.json"
    if answer is not None:
        schema = json.dumps(answer.schema_of_answer())
    else:
        schema = file.read_text(encoding="utf-8") if file.exists() else "null"
    texts = [source, schema, *(path.read_text(encoding="utf-8") for path in beside)]
    version = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
    return Prompt(source, json.loads(schema), version)


@cache
def _template(source: str) -> "jinja2.Template":
    """The prompt's text, compiled when it is first filled in: what only looks at tables wants its version alone."""
    import jinja2  # noqa: PLC0415

    # Prompts are plain text for a model, not HTML: escaping would corrupt the code that they carry.
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    environment.filters["quoted"] = quoted
    return environment.from_string(source)


def quoted(text: object) -> str:
    """`text` as a JSON string on one line, as it reads best: nothing is escaped that JSON does not want escaped."""
    return _readable(text).replace("\u2028", " ").replace("\u2029", " ")


def fence(text: str) -> str:
    """A line to put before and after untrusted `text`, which cannot contain it: it is made from the text's own hash.

    A fixed delimiter could be closed by the text; a random one would make every rendering a new request to pay for.
    """
    return f"=== {hashlib.sha256(text.encode()).hexdigest()[:16]} ==="
