import gzip

import numpy as np
import polars as pl
import pytest

from evergrow.methods.measures import wording
from evergrow.methods.measures.wording import (
    compression_ratio,
    distinct,
    lengths,
    root_type_token_ratio,
    self_repetition,
    tokenised,
    vocabulary,
)

TEXTS = pl.Series(["the cat sat on the mat", "the dog sat on the mat", "one two"])


def test_distinct_runs_are_counted_over_all_texts() -> None:
    found = tokenised(TEXTS)

    assert distinct(found, 1) == pytest.approx(8 / 14)  # the cat sat on mat dog one two
    assert distinct(found, 2) == pytest.approx(8 / 11)
    assert distinct(tokenised(pl.Series(["a b", "c"])), 3) is None


def test_runs_of_four_words_that_another_text_has_are_repetitions() -> None:
    # "sat on the mat" is in the first two texts, once each; the third has none.
    assert self_repetition(tokenised(TEXTS)) == pytest.approx(2 * np.log(2) / 3)
    assert self_repetition(tokenised(pl.Series(["a b c d a b c d"]))) == 0.0  # within one text it is no repetition
    assert self_repetition(tokenised(pl.Series([], dtype=pl.String))) is None


def test_the_compression_ratio_is_that_of_gzip_and_higher_for_copies() -> None:
    words = np.random.default_rng(0).integers(0, 10**6, (200, 30)).astype(str)
    different = pl.Series([" ".join(row) for row in words])
    plain = "\n".join(different).encode()

    assert compression_ratio(different) == pytest.approx(len(plain) / len(gzip.compress(plain, 6)), rel=0.01)
    assert (compression_ratio(pl.Series([different[0]] * 200)) or 0) > 10 * (compression_ratio(different) or 9e9)
    assert compression_ratio(pl.Series(["", ""])) is None


def test_lengths_and_vocabulary_are_those_of_words() -> None:
    found, size = tokenised(TEXTS), lengths(tokenised(TEXTS))

    assert size is not None
    assert [size.mean, size.median] == pytest.approx([14 / 3, 6])
    assert vocabulary(found) == 8
    assert root_type_token_ratio(found, vocabulary(found)) == pytest.approx(8 / 14**0.5)
    assert lengths(tokenised(pl.Series([], dtype=pl.String))) is None


def test_counting_a_share_of_the_runs_at_a_time_changes_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    many = pl.Series([" ".join(rng.integers(0, 40, 30).astype(str)) for _ in range(60)])

    def figures() -> list[float | None]:
        found = tokenised(many)
        return [distinct(found, 1), distinct(found, 2), self_repetition(found), vocabulary(found)]

    at_once = figures()
    monkeypatch.setattr(wording, "TOGETHER", 100)

    assert figures() == at_once
