"""Texts to unit vectors by a loaded model: batches bounded by tokens, long texts cut or in parts, several devices."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from evergrow.resources.embedding.local_models import EmbedderError
from evergrow.resources.embedding.token_batches import batches, parts_of

Long = Literal["cut", "mean_of_parts"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Float32 (n, d) `vectors` of length 1, and bool (n,) `longer`: texts of more tokens than the model reads."""

    vectors: np.ndarray
    longer: np.ndarray


class Encoder:
    """A model that embeds.

    Args:
        model: of sentence-transformers.
        batch_tokens: most tokens embedded at once, padding counted; halved for good where memory ends.
        long: what becomes of a text that is longer than the model reads: its end is cut off, or its vector is the mean
            of those of its parts, weighed by their tokens.
        devices: where each has a copy of the model in a process of its own; one or none: in this process.
    """

    def __init__(self, model: Any, batch_tokens: int, long: Long = "cut", devices: Sequence[str] = ()) -> None:  # noqa: ANN401 - the library has no types
        self._model, self._batch_tokens, self._long = model, batch_tokens, long
        self._pool = model.start_multi_process_pool(list(devices)) if len(devices) > 1 else None
        self._prompt = (model.prompts or {}).get(model.default_prompt_name or "", "")

    @property
    def limit(self) -> int | None:
        """Tokens of a text that the model reads, its own marks included; None if there is no end."""
        limit = self._model.max_seq_length
        return None if limit is None or math.isinf(limit) else int(limit)

    def encode(self, texts: Sequence[str]) -> Encoded:
        """A vector for each of `texts`, in their order; at least one.

        Raises:
            EmbedderError: memory ends with a single text, or the model gives numbers that are none.
        """
        lengths = self._lengths(texts)
        longer = lengths > self.limit if self.limit else np.zeros(len(texts), dtype=bool)
        if self._long == "cut" or not longer.any():
            return Encoded(self._vectors(texts, lengths), longer)
        return Encoded(self._means(texts, lengths, longer), longer)

    def close(self) -> None:
        """End the processes of several devices."""
        if self._pool is not None:
            self._model.stop_multi_process_pool(self._pool)
            self._pool = None

    def _means(self, texts: Sequence[str], lengths: np.ndarray, longer: np.ndarray) -> np.ndarray:
        room = self._room()
        pieces: list[str] = []
        owners: list[int] = []
        weights: list[int] = []
        for at, text in enumerate(texts):
            parts = parts_of(text, room, self._offsets) if longer[at] else [(text, int(lengths[at]))]
            pieces += [piece for piece, _ in parts]
            weights += [weight for _, weight in parts]
            owners += [at] * len(parts)
        vectors = self._vectors(pieces, self._lengths(pieces))
        sums = np.zeros((len(texts), vectors.shape[1]))
        np.add.at(sums, owners, vectors * np.maximum(weights, 1)[:, None])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(norms, np.finfo(np.float32).tiny), dtype=np.float32)

    def _vectors(self, texts: Sequence[str], lengths: np.ndarray) -> np.ndarray:
        read = np.minimum(lengths, self.limit) if self.limit else lengths
        order = np.argsort(-read, kind="stable")
        ordered = [texts[at] for at in order]
        found = (self._in_batches if self._pool is None else self._in_pool)(ordered, read[order])
        if not np.isfinite(found).all():
            raise EmbedderError(
                "the embedding model gives numbers that are none; set embedding.precision to bfloat16 or float32"
            )
        vectors = np.empty_like(found)
        vectors[order] = found
        return vectors

    def _in_batches(self, texts: list[str], lengths: np.ndarray) -> np.ndarray:
        """The vectors of `texts`, longest first; with half the tokens from where memory ended."""
        found, start = [], 0
        while start < len(texts):
            part = texts[start : start + next(batches(lengths[start:], self._batch_tokens)).stop]
            try:
                found.append(self._encode(part, len(part)))
            except (RuntimeError, MemoryError) as error:
                self._require_another_try(error, part, len(part))
            else:
                start += len(part)
                continue
            self._halve(len(part) * int(lengths[start]))
        return np.concatenate(found)

    def _in_pool(self, texts: list[str], lengths: np.ndarray) -> np.ndarray:
        """The same by the processes of several devices: texts of like length are handed out together."""
        found, start = [], 0
        while start < len(texts):
            longest = max(1, int(lengths[start]))
            like = np.maximum(lengths[start:], 1) > longest // 2  # a text may have no token at all
            part = texts[start : start + int(np.count_nonzero(like))]
            together = min(len(part), max(1, self._batch_tokens // longest))
            try:
                found.append(self._encode(part, together, pool=self._pool))
            except (RuntimeError, MemoryError) as error:
                self._require_another_try(error, part, together)
            else:
                start += len(part)
                continue
            self._halve(together * longest)
        return np.concatenate(found)

    def _require_another_try(self, error: Exception, texts: list[str], together: int) -> None:
        """Raise what does not end with fewer texts at once: another fault, or memory that ends with one of `texts`."""
        if not _memory_ended(error):
            raise error
        if together == 1:
            raise EmbedderError(
                f"memory ends with a single text of {len(texts[0]):,} characters; set embedding.device: cpu, "
                "or embedding.model to a smaller one"
            ) from error

    def _halve(self, tokens: int) -> None:
        """Memory ended with so many tokens at once; an error that holds some is gone by now."""
        _free_memory()
        self._batch_tokens = max(1, tokens // 2)
        log.warning("memory ended; embedding %s tokens at once from now on", f"{self._batch_tokens:,}")

    def _encode(self, texts: list[str], together: int, pool: Any = None) -> np.ndarray:  # noqa: ANN401 - as the library has it
        found = self._model.encode(
            texts,
            batch_size=together,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_tensor=pool is None,  # numpy has no bfloat16
            pool=pool,
        )
        vectors: np.ndarray = found.float().cpu().numpy() if pool is None else np.asarray(found, dtype=np.float32)
        return vectors

    def _lengths(self, texts: Sequence[str]) -> np.ndarray:
        """int64 (n,): tokens of each text, the model's own marks and prompt included."""
        tokenizer, prompted = self._model.tokenizer, [self._prompt + text for text in texts]
        if hasattr(tokenizer, "encode_batch"):  # a bare one of the library `tokenizers`
            found = [len(encoding.ids) for encoding in tokenizer.encode_batch(prompted, add_special_tokens=False)]
        else:
            found = [len(ids) for ids in tokenizer(prompted, return_attention_mask=False, verbose=False)["input_ids"]]
        return np.array(found, dtype=np.int64)

    def _room(self) -> int:
        """Tokens of a text that fit beside the model's marks and prompt."""
        assert self.limit is not None
        return max(1, self.limit - int(self._lengths([""])[0]))

    def _offsets(self, text: str) -> Sequence[tuple[int, int]]:
        tokenizer = self._model.tokenizer
        if not getattr(tokenizer, "is_fast", False):
            raise EmbedderError(
                "the embedding model's tokenizer does not say where tokens are; set embedding.long: cut"
            )
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        return [(int(begin), int(end)) for begin, end in found]


def _memory_ended(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said


def _free_memory() -> None:
    import torch  # noqa: PLC0415 - takes seconds

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
