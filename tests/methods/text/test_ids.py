import string

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.text import ids
from evergrow.methods.text.times import reads_as_time
from evergrow.resources.seeds.seed_ids import root_ids

SAFE = set(string.ascii_letters + string.digits + "-.~%")
seed_ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=ids.MAX_SEED_ID_LENGTH)
slots = st.lists(st.integers(0, 63), max_size=6)


def descend(root: str, path: list[int]) -> str:
    sample = root
    for slot in path:
        sample = ids.child_id(sample, slot)
    return sample


@given(seed_ids)
def test_a_seed_id_survives_the_way_to_a_root_id_and_back(seed_id: str) -> None:
    root = ids.escape_seed_id(seed_id)
    assert ids.unescape_seed_id(root) == seed_id
    assert set(root) <= SAFE


@given(
    seed_ids | st.dates().map(str) | st.sampled_from(["2024-01-01", "2024-01-01T10", "2024-01-01T10-05", "2024-1-1"])
)
def test_no_root_id_reads_as_a_time(seed_id: str) -> None:
    root = ids.escape_seed_id(seed_id)
    assert not reads_as_time(root)
    assert ids.unescape_seed_id(root) == seed_id
    assert root_ids(pl.Series([seed_id])).to_list() == [root]


@given(seed_ids, seed_ids)
def test_different_seed_ids_have_different_root_ids(one: str, other: str) -> None:
    assert (ids.escape_seed_id(one) == ids.escape_seed_id(other)) == (one == other)


@given(seed_ids, slots)
def test_an_id_tells_its_whole_ancestry(seed_id: str, path: list[int]) -> None:
    root = ids.escape_seed_id(seed_id)
    sample = descend(root, path)
    line = [descend(root, path[:n]) for n in range(len(path) + 1)]
    assert ids.ancestry(sample) == line
    assert ids.root_id(sample) == root
    assert ids.layer(sample) == len(path)
    assert ids.parent_id(sample) == (line[-2] if path else None)


@given(seed_ids, slots, seed_ids, slots)
def test_no_two_samples_share_an_id(seed: str, path: list[int], other_seed: str, other_path: list[int]) -> None:
    one = descend(ids.escape_seed_id(seed), path)
    other = descend(ids.escape_seed_id(other_seed), other_path)
    assert (one == other) == ((seed, path) == (other_seed, other_path))


@pytest.mark.parametrize(
    ("seed_id", "root_id"), [("613993", "613993"), ("a_b", "a%5Fb"), ("../x", "..%2Fx"), ("é", "%C3%A9")]
)
def test_underscores_and_odd_characters_are_encoded(seed_id: str, root_id: str) -> None:
    assert ids.escape_seed_id(seed_id) == root_id


def test_an_id_that_reads_as_a_time_is_known_by_what_it_was_before_these_were_encoded() -> None:
    both = ("2024%2D01-01", "2024-01-01")
    assert ids.spellings("2024-01-01") == ids.spellings("2024%2D01-01") == both
    for alone in ("s0", "a-b", "a%252D", "2024%2D01-01_0", "%2D"):
        assert ids.spellings(alone) == (alone,)


def test_a_row_may_be_named_by_the_id_that_its_seeds_author_gave_it() -> None:
    assert ids.candidates("613993") == ["613993"]
    assert ids.candidates("a_1_0") == ["a_1_0", "a%5F1%5F0", "a%5F1_0"]
    assert "HumanEval%2F12_0" in ids.candidates("HumanEval/12_0")
    assert {"2024%2D01-01_0", "2024-01-01_0"} <= set(ids.candidates("2024-01-01_0"))
    assert "2024-01-01_0" in ids.candidates("2024%2D01-01_0")
    assert ids.candidates("_0") == ["_0", "%5F0"]
    assert ids.candidates("") == [""]


def test_ids_that_cannot_be_are_refused() -> None:
    assert ids.escape_seed_id("x" * ids.MAX_SEED_ID_LENGTH)
    with pytest.raises(ValueError, match="must not be empty"):
        ids.escape_seed_id("")
    with pytest.raises(ValueError, match="at most 128 characters, this one has 129"):
        ids.escape_seed_id("x" * 129)
