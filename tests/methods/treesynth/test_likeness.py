"""Near-duplicates by cosine: the earlier stays, in whatever pieces samples come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evergrow.methods.treesynth.likeness import Apart


def unit(angles: list[float]) -> np.ndarray:
    turned = np.array(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def taken(apart: Apart, angles: list[float], given: bool = False) -> list[bool]:
    names = [f"leaf at {angle}" for angle in angles]
    return [apart.too_near(n) for n in apart.take(unit(angles), names, [given] * len(angles))]


def test_of_two_alike_the_earlier_stays_and_the_later_says_whose_it_repeats() -> None:
    apart = Apart(0.99)

    first, near, far = apart.take(unit([0.0, 0.05, 1.0]), ["a", "b", "c"], [False] * 3)

    assert first is None
    assert near is not None
    assert (near.owner, round(near.similarity, 3)) == ("a", 0.999)
    assert far is not None
    assert not apart.too_near(far)
    assert taken(apart, [1.01, 0.5]) == [True, False]


def test_what_is_dropped_keeps_nothing_else_out() -> None:
    # 0.1 repeats 0; 0.2 would repeat 0.1, which does not stay.
    assert taken(Apart(float(np.cos(0.15))), [0.0, 0.1, 0.2]) == [False, True, False]


def test_what_is_given_stays_and_is_compared_with() -> None:
    apart = Apart(0.99)

    assert taken(apart, [0.0, 0.01], given=True) == [False, True]
    assert taken(apart, [0.14]) == [True]  # 0.13 from the one that was given


@given(st.lists(st.floats(0, 6), max_size=40), st.integers(1, 40), st.floats(0.5, 0.9999))
def test_the_size_of_blocks_and_of_pieces_changes_nothing(angles: list[float], size: int, threshold: float) -> None:
    wanted = taken(Apart(threshold), angles)
    pieces = Apart(threshold, rows=size, kept=size)

    cut = [taken(pieces, angles[start : start + size + 3]) for start in range(0, len(angles), size + 3)]

    assert [drop for piece in cut for drop in piece] == wanted
    stays = [angle for angle, drop in zip(angles, wanted, strict=True) if not drop]
    among = unit(stays) @ unit(stays).T - 2 * np.eye(len(stays))
    assert len(stays) < 2 or among.max() < threshold
