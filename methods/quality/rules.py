"""What cleaning goes by: the thresholds of the settings' section `cleaning`, as the methods take them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
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
