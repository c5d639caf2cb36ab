"""Texts to vectors, each text once: by a sentence-transformers model, or by an endpoint; kept by content and model."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from evergrow.methods.text.counts import counted
from evergrow.resources.embedding import local_models
from evergrow.resources.embedding.compiled import installed
from evergrow.resources.embedding.encoder import Encoder, Long
from evergrow.resources.embedding.vector_store import VectorStore
from evergrow.resources.host.progress import Progress
from evergrow.resources.host.urls import without_secrets
from evergrow.resources.lake.content_files import Files
from evergrow.resources.place import Place
from evergrow.resources.settings.embedding import Embedding
from evergrow.resources.settings.endpoints import Endpoint

if TYPE_CHECKING:
    from evergrow.resources.embedding.endpoint import Payer
    from evergrow.resources.ledger import Ledger
    from evergrow.resources.settings import Settings

SAVED_TOGETHER = {"cpu": 512, "mps": 512, "cuda": 16_384}  # texts between two writes: what a kill can cost
WRITTEN_TOGETHER = 2_048  # texts of an endpoint between two writes
BATCH_TOKENS = {"cpu": 1_024, "mps": 16_384, "cuda": 65_536}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Computed:
    """What this machine embedded: `texts` of `chars` characters in all, in `seconds`, without loading the model."""

    texts: int = 0
    chars: int = 0
    seconds: float = 0.0


class Embedder:
    """A sentence-transformers model, loaded when the first text is not known yet, or an endpoint that is asked then.

    Args:
        settings: which model, where and how it runs, and whether its own code may run.
        files: of the lake, where vectors are kept.
        progress: where the embedding of many texts is shown.
        server: the endpoint that the settings name; None: they name none.
        payer: who asks it; None: nobody does, as looking costs nothing.
    """

    def __init__(
        self,
        settings: Embedding,
        files: Files,
        progress: Progress,
        server: Endpoint | None = None,
        payer: "Callable[[], Payer] | None" = None,
    ) -> None:
        self._settings, self._store, self._progress = settings, VectorStore(files), progress
        self._server, self._payer = server, payer
        self._asked_so_far: list[Mapping[str, int | float | None]] = []
        self.computed = Computed()

    @classmethod
    def of(
        cls, settings: "Settings", files: Files, progress: Progress, payer: "Callable[[], Payer] | None" = None
    ) -> "Embedder":
        """The embedder that these settings ask for."""
        chosen = settings.embedding
        server = None if chosen.endpoint is None else settings.endpoints[chosen.endpoint]
        return cls(chosen, files, progress, server, payer)

    @property
    def name(self) -> str:
        """The model as the settings name it."""
        return self._settings.model

    @property
    def long(self) -> Long:
        """What becomes of texts that the model does not read to their end: `cut` or `mean_of_parts`."""
        return self._settings.long

    @property
    def asked(self) -> dict[str, float | None]:
        """Requests, tokens, US dollars of an endpoint so far, None where a price is unknown; {} if none was asked."""
        from evergrow.resources.llm.forecast import known_sum  # noqa: PLC0415 - asks models

        given = {name: [one[name] for one in self._asked_so_far] for name in ("requests", "tokens_in", "usd")}
        return {name: known_sum(values) for name, values in given.items() if values}

    @cached_property
    def identity(self) -> str:
        """What tells these vectors from others: the model, and how they are computed where that is not the usual way.

        Of an endpoint nobody knows what it serves under a name, so that its address counts: two of them may differ.

        Raises:
            EmbedderError: the settings name a folder that is not there.
        """
        usual, chosen = Embedding(), self._settings
        ways = ((getattr(chosen, name), getattr(usual, name)) for name in ("precision", "long"))
        others = [way for way, usually in ways if way != usually]
        if self._server is not None:
            from evergrow.resources.llm.addresses import url_of  # noqa: PLC0415 - only where an endpoint embeds

            served = [self._server.model] if self._server.model not in (None, self.name) else []
            where = without_secrets(url_of(self._server)).rstrip("/")
            return "#".join([self.name, *others, f"endpoint {where}", *served])
        return "#".join([local_models.identity(self.name), *others])

    def embed(self, texts: Sequence[str], label: str = "embeddings") -> np.ndarray:
        """Float32 (n, d): a vector of length 1 for each text, in their order; (0, 0) for no text.

        label: what the progress of computing them is called.

        Raises:
            EmbedderError: the model is needed, and cannot be loaded; or the endpoint gave no vector for a text.
            EndpointError, BudgetReached, SettingsError, LedgerError: of an endpoint, as `Engine.ask`.
        """
        if not len(texts):
            return np.empty((0, 0), dtype=np.float32)
        keys = _keys(texts)
        distinct = list(dict.fromkeys(keys))
        place = {key: at for at, key in enumerate(distinct)}
        found = self._store.find(self.identity, distinct)
        missing = np.flatnonzero(~found.known)
        vectors = found.vectors
        if len(missing):
            by_key = dict(zip(keys, texts, strict=True))
            if self._settings.endpoint is not None:
                computed = self._asked([by_key[key] for key in distinct], distinct, found.known)
            else:
                computed = self._compute({distinct[at]: by_key[distinct[at]] for at in missing}, label)
            vectors = np.empty((len(distinct), computed.shape[1]), dtype=np.float32)
            vectors[missing] = computed
            if len(missing) < len(distinct):
                vectors[found.known] = found.vectors
        return vectors if len(distinct) == len(texts) else vectors[[place[key] for key in keys]]

    def missing(self, texts: Sequence[str]) -> int:
        """How many different texts among these have no vector yet. Nothing is loaded or asked, and no vector read."""
        distinct = list(dict.fromkeys(_keys(texts)))
        return int(np.count_nonzero(~self._store.known(self.identity, distinct)))

    def longer(self, texts: Sequence[str]) -> int | None:
        """How many of these texts, which were embedded, have more tokens than the model reads; None: no one tells.

        Their ends were cut off, or they were embedded in parts, as the setting `embedding.long` says.
        """
        if self._settings.endpoint is not None:
            return None
        return int(np.count_nonzero(self._store.longer(self.identity, _keys(texts))))

    def _compute(self, texts: dict[bytes, str], label: str) -> np.ndarray:
        """Embed `texts`, longest first, so that little is padded, and keep them as it goes; in the order of `texts`."""
        given = list(texts)
        order = sorted(range(len(given)), key=lambda at: (-len(texts[given[at]]), given[at]))
        step, vectors, encoder = SAVED_TOGETHER[self.device], np.empty((0, 0), dtype=np.float32), self._encoder
        with self._progress.track(label, len(order)) as advance:
            for start in range(0, len(order), step):
                part = order[start : start + step]
                keys = [given[at] for at in part]
                began = time.monotonic()
                encoded = encoder.encode([texts[key] for key in keys])
                self.computed.seconds += time.monotonic() - began
                self.computed.texts += len(keys)
                self.computed.chars += sum(len(texts[key]) for key in keys)
                self._store.keep(self.identity, keys, encoded.vectors, encoded.longer)
                if not start:
                    vectors = np.empty((len(given), encoded.vectors.shape[1]), dtype=np.float32)
                vectors[part] = encoded.vectors
                advance(len(keys))
        return vectors

    def _asked(self, texts: Sequence[str], keys: Sequence[bytes], known: np.ndarray) -> np.ndarray:
        """Float32 (missing, d): the vectors that are not `known`, by the endpoint, and keep them as they come.

        What is asked together does not hang on what is known, but for what is left out: after a kill the same requests
        are asked, whose replies the ledger has.
        """
        missing = np.flatnonzero(~known)
        if self._payer is None:
            raise local_models.EmbedderError(
                f"{counted(len(missing), 'texts have', 'text has')} no vectors yet, and looking asks no endpoint; "
                "have a run make them, or set embedding.endpoint: null, so that this machine does"
            )
        from evergrow.resources.embedding import endpoint  # noqa: PLC0415 - asks models

        order = sorted(range(len(texts)), key=lambda at: (-len(texts[at]), keys[at]))
        whole = endpoint.batches_of(texts, order, self._settings.batch_tokens or endpoint.BATCH_TOKENS)
        batches = [wanted for batch in whole if (wanted := [at for at in batch if not known[at]])]
        found = _Kept(self._store, self.identity, keys, len(texts))
        try:
            space = endpoint.Space(self.identity, self._store.width(self.identity))
            asked = endpoint.embed(self._payer(), texts, batches, space, found.take)
        finally:
            found.write()
        self._asked_so_far.append(asked)
        return found.vectors[missing]

    @cached_property
    def _encoder(self) -> Encoder:
        settings = self._settings
        backend = self.backend
        tokens = settings.batch_tokens or BATCH_TOKENS[self.device]
        load = partial(_encoder, trust_remote_code=settings.trust_remote_code)
        try:
            return load((settings.model, self.device, settings.precision, backend), tokens, settings.long)
        except local_models.EmbedderError as error:
            if settings.backend != "auto" or backend == "torch":
                raise
            log.warning("%s; it runs on torch", error)
            return load((settings.model, self.device, settings.precision, "torch"), tokens, settings.long)

    @property
    def backend(self) -> str:
        """What runs the model: as the settings say, else the fastest that is installed and can."""
        settings = self._settings
        if settings.backend != "auto":
            if settings.backend != "torch" and self.device != "cpu":
                raise local_models.EmbedderError(
                    f"embedding.backend {settings.backend} runs on a CPU, and embedding.device is {self.device}; "
                    "set one of them"
                )
            return settings.backend
        if self.device != "cpu" or settings.trust_remote_code:  # code of its own may do what tracing does not see
            return "torch"
        able = ["openvino", *(["onnx"] if settings.precision == "float32" else [])]
        return next((backend for backend in able if installed(backend)), "torch")

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


class _Kept:
    """Vectors as they come, written some at a time: what is not yet written, the ledger has."""

    def __init__(self, store: VectorStore, model: str, keys: Sequence[bytes], texts: int) -> None:
        self.vectors = np.empty((0, 0), dtype=np.float32)
        self._store, self._model, self._keys, self._texts = store, model, keys, texts
        self._fresh: list[int] = []

    def take(self, places: Sequence[int], vectors: np.ndarray) -> None:
        """Take in the vectors of the texts at these places."""
        if not len(self.vectors):
            self.vectors = np.empty((self._texts, vectors.shape[1]), dtype=np.float32)
        self.vectors[list(places)] = vectors
        self._fresh += places
        if len(self._fresh) >= WRITTEN_TOGETHER:
            self.write()

    def write(self) -> None:
        """Keep what came since the last time."""
        if self._fresh:
            self._store.keep(self._model, [self._keys[at] for at in self._fresh], self.vectors[self._fresh])
            self._fresh = []


def _keys(texts: Sequence[str]) -> list[bytes]:
    return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]


@cache
def _encoder(loaded: tuple[str, str, str, str], tokens: int, long: Long, *, trust_remote_code: bool) -> Encoder:
    """One a process: each of several GPUs holds a copy of the model, in a process that ends with this one."""
    import torch  # noqa: PLC0415 - takes seconds

    model = local_models.load(*loaded, trust_remote_code=trust_remote_code)
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if loaded[1] == "cuda" else []
    return Encoder(model, tokens, long, devices)


class Embedders:
    """The embedder of each place, by its recipe; each model is loaded once a process.

    Args:
        files: of the lake, where vectors are kept.
        progress: where the embedding of many texts is shown.
        ledger: of the requests to an endpoint; None: there is no endpoint.
        run_id: of the run that pays for them.
    """

    def __init__(
        self, files: Files, progress: Progress, ledger: "Ledger | None" = None, run_id: str | None = None
    ) -> None:
        self._files, self._progress, self._ledger, self._run_id = files, progress, ledger, run_id or ""
        self._opened: dict[tuple[Embedding, str, str | None], Embedder] = {}

    def at(self, place: Place) -> Embedder:
        """The embedder that measures this place's texts; what an endpoint is asked for it, its owner pays."""
        settings = place.settings
        which = (settings.embedding, place.key.to_user_string(), place.partition)
        if which not in self._opened:
            payer = None if self._ledger is None else partial(self._payer, place, self._ledger)
            self._opened[which] = Embedder.of(settings, self._files, self._progress, payer)
        return self._opened[which]

    def _payer(self, place: Place, ledger: "Ledger") -> "Payer":
        from evergrow.resources.embedding.endpoint import Payer  # noqa: PLC0415 - asks models
        from evergrow.resources.llm.requests import Attribution  # noqa: PLC0415

        asset = place.key.to_user_string()
        owner = place.owner.partition(":")[2] or place.owner  # `batch:B`: what is measured of a set, its batch pays
        who = Attribution(run_id=self._run_id, asset=asset, partition=str(place.partition), batch=owner)
        return Payer(place.settings, ledger, who, self._progress)
