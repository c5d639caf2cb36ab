"""Duplicates: against a greedy choice over all pairs, and case by case."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergrow.methods.quality.contents import Contents
from evergrow.methods.quality.duplicates import mark_duplicates
from evergrow.methods.quality.rules import CleaningRules, Embedded
from tests.properties import examples

WIDTH = 48
ZERO, ONE = np.array([0]), np.array([1])
TEXT = (
    "Write a function that merges overlapping reservations given as rows of a spreadsheet with missing cells. It must "
    "handle ties by the earliest date, reject cycles with a helpful message and run in linear time on any machine."
)
SCHEMA = {"batch": pl.String, "id": pl.String, "content": pl.String, "value": pl.Float64}


def rows(*records: tuple[str, str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(records, schema=SCHEMA, orient="row")


def marks(own: pl.DataFrame, known: pl.DataFrame | None = None, **rules: Any) -> list[tuple[str, str, str]]:
    found = mark_duplicates(Embedded(own), Embedded(rows() if known is None else known), CleaningRules(**rules))
    return list(found.select("id", "duplicate_of", "duplicate_kind").iter_rows())


def unit(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def words(count: int, draw: random.Random) -> str:
    return " ".join(f"word{draw.randrange(10_000)}" for _ in range(count))


@pytest.mark.parametrize(
    "same",
    [
        TEXT.upper(),
        TEXT.replace(" ", "  \n"),
        f"“{TEXT}”",
        TEXT.replace(".", " !"),
        TEXT.replace("fi", "ﬁ"),
        f"**{TEXT}**",
    ],
    ids=["case", "white space", "quotes", "punctuation", "compatibility forms", "bold"],
)
def test_texts_of_the_same_words_are_exact_duplicates(same: str) -> None:
    assert marks(rows(("b", "1", TEXT, 2.0), ("b", "2", same, 1.0))) == [("2", "1", "exact")]


def test_texts_that_calculate_something_else_are_not_the_same() -> None:
    assert marks(rows(("b", "1", "Compute 3 + 4.", 2.0), ("b", "2", "Compute 3 - 4.", 1.0))) == []
    assert marks(rows(("b", "1", "Is x < y?", 2.0), ("b", "2", "Is x > y?", 1.0))) == []


def test_texts_without_words_are_the_same_only_if_they_are_equal() -> None:
    assert marks(rows(("b", "1", "?!", 2.0), ("b", "2", "!?", 1.0), ("b", "3", "?!", 1.0))) == [("3", "1", "exact")]


def test_texts_that_share_most_of_their_words_are_near_duplicates_with_the_share_of_their_shingles() -> None:
    other = TEXT.replace("merges overlapping", "merges the overlapping")
    found = mark_duplicates(
        Embedded(rows(("b", "1", TEXT, 2.0), ("b", "2", other, 1.0))),
        Embedded(rows()),
        CleaningRules(minhash_similarity=0.7),
    )
    mine, others = (shingles(re.sub("[.,]", "", text.lower()), 5) for text in (TEXT, other))
    share = len(mine & others) / len(mine | others)
    assert found.row(0, named=True) == {
        "batch": "b", "id": "2", "duplicate_of": "1", "duplicate_batch": "b", "duplicate_kind": "minhash",
        "similarity": pytest.approx(share),
    }  # fmt: skip


def test_texts_in_a_script_without_spaces_have_shingles() -> None:
    text = "编写一个函数、合并重叠的预订并返回按日期排序的列表、要求在线性时间内完成并且保持相等元素的原有顺序。"
    assert marks(
        rows(("b", "1", text, 2.0), ("b", "2", text.replace("有顺序", "有的顺序"), 1.0)), minhash_similarity=0.7
    ) == [("2", "1", "minhash")]


def test_the_higher_value_stays_no_value_is_lowest_and_other_batches_win_ties() -> None:
    own = rows(("b", "1", TEXT, None), ("b", "2", TEXT, 3.0), ("b", "3", TEXT, 3.0), ("b", "4", TEXT, float("nan")))
    assert marks(own) == [("1", "2", "exact"), ("3", "2", "exact"), ("4", "2", "exact")]
    assert marks(own, rows(("a", "9", TEXT, 3.0))) == [(i, "9", "exact") for i in "1234"]


def test_a_row_of_another_batch_that_is_worse_is_marked_and_others_of_it_are_left_alone() -> None:
    known = rows(("a", "8", TEXT, 1.0), ("a", "9", TEXT, 1.0))
    assert marks(rows(("b", "1", TEXT, 2.0)), known) == [("8", "1", "exact"), ("9", "1", "exact")]
    assert marks(rows(("b", "1", words(40, random.Random(1)), 2.0)), known) == []


def test_what_resembles_only_a_dropped_row_stays() -> None:
    turn = np.deg2rad([0, 15, 30])  # 15 degrees are a cosine of 0.966, 30 are 0.866
    vectors = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    own = rows(*(("b", i, words(30, random.Random(i)), v) for i, v in (("1", 3.0), ("2", 2.0), ("3", 1.0))))
    found = mark_duplicates(Embedded(own, vectors), Embedded(rows(), np.empty((0, 2), np.float32)), CleaningRules())
    assert list(found.select("id", "duplicate_of", "duplicate_kind").iter_rows()) == [("2", "1", "embedding")]
    assert found["similarity"].item() == pytest.approx(np.cos(np.deg2rad(15)))


def test_rows_of_other_batches_need_vectors_where_own_ones_have_them() -> None:
    with pytest.raises(ValueError, match="need vectors"):
        mark_duplicates(
            Embedded(rows(("b", "1", TEXT, 1.0)), np.ones((1, 1), np.float32)),
            Embedded(rows(("a", "1", TEXT, 1.0))),
            CleaningRules(),
        )


def test_no_rows_have_no_duplicates() -> None:
    assert marks(rows()) == marks(rows(), rows(("a", "1", TEXT, 1.0))) == []


def test_thousands_of_copies_are_found_and_thousands_that_fill_one_template_stay() -> None:
    copies = rows(*(("b", f"{n:04}", f"{TEXT} {'Please. ' * (n % 3)}", float(n)) for n in range(3_000)))
    found = mark_duplicates(Embedded(copies), Embedded(rows()), CleaningRules())
    assert found.height == 2_999
    assert set(found["duplicate_of"]) == {"2999"}
    for slot in ("{n} buckets", "the word {word}"):
        texts = [f"{TEXT} Use {slot.format(n=n, word=words(1, random.Random(n)))}." for n in range(3_000)]
        filled = rows(*(("b", f"{n:04}", text, float(n)) for n, text in enumerate(dict.fromkeys(texts))))
        assert mark_duplicates(Embedded(filled), Embedded(rows()), CleaningRules()).is_empty()


def test_what_differs_decides_of_labelled_pairs_that_are_all_alike_by_meaning() -> None:
    pairs = json.loads(Path("tests/data/near_duplicates.json").read_text(encoding="utf-8"))
    assert len(pairs) >= 200
    assert len({pair["kind"] for pair in pairs}) >= 10
    alike = np.array([[1.0, 0.0]] * 2, np.float32)
    none = Embedded(rows(), np.empty((0, 2), np.float32))
    found = [
        not mark_duplicates(
            Embedded(rows(("b", "1", pair["a"], 2.0), ("b", "2", pair["b"], 1.0)), alike), none, CleaningRules()
        ).is_empty()
        for pair in pairs
    ]
    right = sum(same and pair["same"] for same, pair in zip(found, pairs, strict=True))
    assert right / sum(found) >= 0.95
    assert right / sum(pair["same"] for pair in pairs) >= 0.95


def test_code_that_does_the_same_is_one_by_its_syntax_and_other_code_never_is() -> None:
    first = "def f(rows):\n    out = 0\n    for row in rows:\n        out += row.price\n    return out\n"
    second = "def g(xs):\n    # adds up\n    s = 0\n    for x in xs:\n        s += x.price\n    return s\n"
    assert marks(rows(("b", "1", first, 2.0), ("b", "2", second, 1.0))) == [("2", "1", "syntax")]
    assert marks(rows(("b", "1", first, 2.0), ("b", "2", second.replace("+=", "-="), 1.0))) == []
    assert marks(rows(("b", "1", first, 2.0), ("b", "2", second.replace("price", "cost"), 1.0))) == []


class Drawn:
    """A few texts and vectors, many of them much alike.

    Texts of 40 words that differ at an end share 0.89 of their shingles, in the middle at most 0.76: none is so near
    the threshold of 0.8 that bands of signatures, made to find 95 % there, could miss it.
    """

    def __init__(self, seed: int, count: int) -> None:
        draw, generator = random.Random(seed), np.random.default_rng(seed)
        bases = [words(40, draw).split() for _ in range(max(1, count // 5))]
        centres = generator.standard_normal((max(1, count // 5), WIDTH))
        texts, vectors = [], []
        for _ in range(count):
            text = list(draw.choice(bases))
            for _ in range(draw.choice((0, 0, 1, 2))):
                place = draw.choice((0, 20, 39))
                text[place] = draw.choice((f"other{draw.randrange(100)}", "please", "simply", text[place] + "s"))
            texts.append(" ".join(text))
            vectors.append(draw.choice(centres.tolist()))
        noise = generator.standard_normal((count, WIDTH)) * draw.choice((0.05, 0.2, 0.3))
        by_text = {text: n for n, text in reversed(list(enumerate(texts)))}  # equal texts have equal vectors
        self.vectors = unit(np.array(vectors) + noise)[[by_text[text] for text in texts]]
        self.frame = rows(
            *((draw.choice("ab"), str(n), text, draw.choice((None, 1.0, 2.0, 3.0))) for n, text in enumerate(texts))
        )

    def split(self, order: list[int]) -> tuple[Embedded, Embedded]:
        """Own rows and those of other batches, in this order."""
        every = Embedded(self.frame, self.vectors).at(np.array(order))
        is_known = (every.frame["batch"] == "a").to_numpy()
        return every.at(np.flatnonzero(~is_known)), every.at(np.flatnonzero(is_known))


def greedy(own: Embedded, known: Embedded, rules: CleaningRules) -> set[tuple[str, str]]:
    """The best row of each text against all kept before it; others of the text go with it: (row, what it points at)."""
    table = []
    for part, foreign in ((own, False), (known, True)):
        assert part.vectors is not None
        for record, vector in zip(part.frame.iter_rows(named=True), part.vectors, strict=True):
            table.append((record, vector.astype(np.float64), foreign, shingles(record["content"], rules.shingle_words)))
    table.sort(key=lambda row: (-(row[0]["value"] or -1), not row[2], row[0]["batch"], row[0]["id"]))
    kept: list[Any] = []
    stands_in: dict[str, Any] = {}
    found = set()
    for row in table:
        if (text := row[0]["content"]) not in stands_in:
            alike = (k for k in kept if not (k[2] and row[2]) and resembles(k, row, rules))
            stands_in[text] = next(alike, row)
            kept += [row] if stands_in[text] is row else []
        if stands_in[text] is not row and not (stands_in[text][2] and row[2]):
            found.add((row[0]["id"], stands_in[text][0]["id"]))
    return found


def shingles(text: str, length: int) -> set[tuple[str, ...]]:
    split = text.split()
    return {tuple(split[at : at + length]) for at in range(len(split) - length + 1)}


def resembles(first: Any, second: Any, rules: CleaningRules) -> bool:
    share = len(first[3] & second[3]) / len(first[3] | second[3])
    alike = bool(share >= rules.minhash_similarity or first[1] @ second[1] >= rules.embedding_similarity)
    contents = Contents(pl.Series([first[0]["content"], second[0]["content"]]))
    contents.read(np.array([0, 1]))
    return alike and not contents.apart(ZERO, ONE).item()


@settings(max_examples=examples(25))
@given(st.data())
def test_equals_the_greedy_choice_over_all_pairs_whatever_the_order_and_the_block(data: st.DataObject) -> None:
    drawn = Drawn(data.draw(st.integers(0, 2**32)), data.draw(st.integers(1, 40)))
    rules = CleaningRules(minhash_similarity=0.8, permutations=512)
    order = data.draw(st.permutations(range(drawn.frame.height)))
    own, known = drawn.split(order)
    found = mark_duplicates(own, known, rules, block=data.draw(st.integers(1, 50)))
    pairs = set(found.select("id", "duplicate_of").iter_rows())
    assert pairs == greedy(own, known, rules)
    assert found.equals(mark_duplicates(*drawn.split(list(range(drawn.frame.height))), rules))
