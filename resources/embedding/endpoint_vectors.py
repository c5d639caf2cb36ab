"""Vectors that an endpoint answered: one a text, in the order of the texts, all of one width, of length 1."""

import base64
import binascii
from collections.abc import Mapping, Sequence

import numpy as np

MOST_WIDTH = 65_536


class Answers:
    """Reads answers to requests for vectors; all are of one width.

    Args:
        width: of the vectors that are kept of the model; None: the first that is read tells it.

    Attributes:
        other: the width of an answer of which all vectors were of another one than those kept; None: there was none.
    """

    def __init__(self, width: int | None) -> None:
        self.width, self._kept = width, width
        self.other: int | None = None

    def read(self, texts: int, answer: object) -> np.ndarray:
        """Float32 (texts, width): the vectors in an answer, in the order of the texts.

        Args:
            texts: how many were asked for.
            answer: the items of an answer, each with `embedding`, numbers or base64 of little-endian float32, and
                `index`; without any `index` they are in order.

        Raises:
            ValueError: it is not one vector a text, one holds what is no number or is all zeros, or widths differ.
        """
        items = answer if isinstance(answer, Sequence) else ()
        if len(items) != texts:
            raise ValueError(f"the answer holds {len(items):,} vectors for {texts:,} texts")
        found = [_vector(item) for item in _in_order(items)]
        own = {len(vector) for vector in found}
        if self._kept and len(own) == 1 and own != {self._kept}:
            (self.other,) = own
        widths = own | ({self.width} if self.width else set())
        if len(widths) > 1:
            raise ValueError(
                f"vectors of {' and '.join(f'{width:,}' for width in sorted(widths))} numbers: of one model?"
            )
        vectors = np.stack(found)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise ValueError("the answer holds a vector of what are no numbers, or of zeros")
        (self.width,) = widths
        return np.asarray(vectors / lengths, dtype=np.float32)


def _in_order(items: Sequence[object]) -> list[object]:
    places = [item.get("index") if isinstance(item, Mapping) else None for item in items]
    if all(place is None for place in places):
        return list(items)
    by_place = {place: item for place, item in zip(places, items, strict=True) if type(place) is int}
    if sorted(by_place) != list(range(len(items))):
        raise ValueError("the answer does not say of which text each vector is")
    return [by_place[place] for place in range(len(items))]


def _vector(item: object) -> np.ndarray:
    """Float64 (width,)."""
    told = item.get("embedding") if isinstance(item, Mapping) else None
    try:
        if isinstance(told, str):
            found = np.frombuffer(base64.b64decode(told, validate=True), "<f4").astype(np.float64)
        else:
            found = np.array(told, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise ValueError("the answer holds a vector that cannot be read") from error
    if found.ndim != 1 or not 0 < len(found) <= MOST_WIDTH:
        raise ValueError("the answer holds a vector that is no list of numbers")
    return found
