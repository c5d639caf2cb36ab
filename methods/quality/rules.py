"""What cleaning takes: rows with their vectors, and the thresholds that it goes by."""

from dataclasses import dataclass

import numpy as np
import polars as pl

# Raised with every change of this package by which a row could come out otherwise under the same settings: tables that
# were cleaned by earlier rules are then made again, which costs no request.
RULES_VERSION = 2


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rows, and float32 (n, d) `vectors` of length 1, of each row's text; None: do without embeddings."""

    frame: pl.DataFrame
    vectors: np.ndarray | None = None

    def at(self, places: np.ndarray) -> "Embedded":
        """Those in these places."""
        return Embedded(self.frame[places], None if self.vectors is None else self.vectors[places])


@dataclass(frozen=True, slots=True)
class CleaningRules:
    """Thresholds; names, meanings and defaults are those of the settings' section `cleaning`."""

    shingle_words: int = 5
    permutations: int = 128
    minhash_similarity: float = 0.8
    embedding_similarity: float = 0.95
    ngram_words: int = 10
    benchmark_similarity: float = 0.95
    languages: tuple[str, ...] = ()
    min_instruction_chars: int = 20
    max_instruction_chars: int = 20_000
    min_response_chars: int = 1
    max_response_chars: int = 40_000
    secrets: bool = True
    personal_data: bool = True
