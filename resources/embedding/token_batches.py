"""Which texts are embedded together: batches of like length, bounded by their tokens."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np


def batches(lengths: np.ndarray, tokens: int) -> Iterator[slice]:
    """Slices that cover rows of these `lengths`, longest first; none holds more than `tokens`, padding counted.

    A row that is longer than that is a batch by itself.

    Args:
        lengths: integers (n,), tokens of each row, falling.
        tokens: most tokens of a batch, at least 1.
    """
    start = 0
    while start < len(lengths):
        stop = min(len(lengths), start + max(1, tokens // max(1, int(lengths[start]))))
        yield slice(start, stop)
        start = stop


def parts_of(text: str, tokens: int, offsets_of: Callable[[str], Sequence[tuple[int, int]]]) -> list[tuple[str, int]]:
    """The pieces of `text` that have at most `tokens` tokens each, cut between words where a piece has several, and
    how many tokens each has; together they are all of the text.

    Args:
        text: any text.
        tokens: most tokens of a piece, at least 1.
        offsets_of: begin and end, in characters, of each token of a text.
    """
    offsets = offsets_of(text)
    if not offsets:
        return [(text, 0)]
    found, first, begin = [], 0, 0
    while first < len(offsets):
        stop = min(first + tokens, len(offsets))
        if stop < len(offsets):
            between = (at for at in range(stop, first, -1) if offsets[at][0] > offsets[at - 1][1])
            stop = next(between, stop)
        end = offsets[stop][0] if stop < len(offsets) else len(text)
        found.append((text[begin:end], stop - first))
        first, begin = stop, end
    return found
