"""Results kept by the identity of what they were made from, for values without a hash, which nobody changes."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST = 500  # results that one function keeps


def by_identity(make: Callable[[K], V]) -> Callable[[K], V]:
    """`make`, which is asked once for each object; at most `MOST` objects and their results are held at a time."""
    kept: dict[int, tuple[K, V]] = {}

    @wraps(make)
    def known(thing: K) -> V:
        found = kept.get(id(thing))
        if found is None:
            if len(kept) >= MOST:
                kept.clear()
            found = kept[id(thing)] = thing, make(thing)  # the object is held, so that no other gets its identity
        return found[1]

    return known
