import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evergrow.resources.embedding.token_batches import batches, parts_of


def words(text: str) -> list[tuple[int, int]]:
    """Tokens of at most three letters: long words have several."""
    return [found.span() for found in re.finditer(r"\w{1,3}", text)]


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 1000))
def test_batches_cover_all_rows_within_their_tokens(lengths: list[int], tokens: int) -> None:
    falling = np.array(sorted(lengths, reverse=True), dtype=np.int64)
    slices = list(batches(falling, tokens))
    assert [at for part in slices for at in range(len(falling))[part]] == list(range(len(falling)))
    for part in slices:
        size = part.stop - part.start
        assert size == 1 or size * falling[part.start] <= tokens
        if part.stop < len(falling):  # one more would not have fitted
            assert (size + 1) * max(1, falling[part.start]) > tokens


@given(st.text(st.sampled_from("ab cd\n."), max_size=200), st.integers(1, 12))
def test_parts_are_all_of_the_text_each_within_its_tokens(text: str, tokens: int) -> None:
    parts = parts_of(text, tokens, words)
    assert "".join(piece for piece, _ in parts) == text
    assert sum(count for _, count in parts) == len(words(text))
    assert all(count <= tokens for _, count in parts)


def test_parts_end_between_words_where_they_can() -> None:
    assert parts_of("abcdef gh ijklmn", 3, words) == [("abcdef gh ", 3), ("ijklmn", 2)]
    assert parts_of("abcdefghijkl", 3, words) == [("abcdefghi", 3), ("jkl", 1)]
    assert parts_of("", 3, words) == [("", 0)]
