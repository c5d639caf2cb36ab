"""One HTML file with its styles, scripts and data in it, and a policy that lets nothing else load or run."""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evergrow.methods.text.visible import shown

# The package is named, not imported: pages are read where they are installed.
_ENVIRONMENT = Environment(
    loader=PackageLoader("evergrow.resources.pages", "."), autoescape=True, undefined=StrictUndefined,
    finalize=shown, trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
LEVEL = 3  # of gzip: more takes three times as long for a tenth less


def page(template: str, *, scripts: Sequence[str] = (), style: str = "page.css", **values: object) -> str:
    """The page that `template` makes of `values`; text in them is escaped.

    Args:
        template: a file of this folder.
        scripts: files of this folder, in the order in which they run; only they may run.
        style: a file of this folder.
        values: what the template shows.
    """
    sheet, codes = _code(style), [_code(name) for name in scripts]
    allowed = " ".join(f"'sha256-{_digest(code)}'" for code in codes) or "'none'"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'sha256-{_digest(sheet)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    # Both are our own files: what is in them is code, and stands in the page as it is hashed.
    own = {"style": Markup(sheet), "scripts": [Markup(code) for code in codes]}  # noqa: S704
    return _ENVIRONMENT.get_template(template).render(policy=policy, **own, **values)


def version(template: str, *, scripts: Sequence[str] = (), style: str = "page.css") -> str:
    """What tells the code of a page from that of other versions; arguments as of `page`."""
    return hashlib.sha256("\n".join(map(_read, (template, *scripts, style))).encode()).hexdigest()


def packed(data: Any) -> str:  # noqa: ANN401 - anything that JSON can hold
    """Data as a page carries it: base64 of its compressed JSON, which nothing can take for code."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "backslashreplace"), LEVEL, mtime=0)).decode()


def _read(name: str) -> str:
    return files("evergrow.resources.pages").joinpath(name).read_text(encoding="utf-8")


def _code(name: str) -> str:
    code = _read(name)
    if "</script" in code.lower() or "</style" in code.lower():
        raise ValueError(f"{name} would end its own element")
    return code


def _digest(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
