"""Products of unit vectors: blocked, on a torch device, in float32 without TF32, which is exact to 1e-5.

No product is ever held whole. Among equals the first counts, on any device and in blocks of any size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

NOTHING = -1
TOGETHER = 1 << 24  # cosines computed at once: 64 MiB of float32
TOGETHER_ON_GPU = 1 << 28  # 1 GiB: a GPU is idle where products are small
NUMBERS_TOGETHER = 1 << 23  # of vectors compared pair by pair at once: 32 MiB of float32
HEAD = 32
AXES_FROM = 10_000  # rows that the axes are computed from
SLACK = 1e-4  # what float32 may lose in a sum


def nearest(
    vectors: np.ndarray,
    others: np.ndarray,
    device: str = "cpu",
    *,
    labels: tuple[np.ndarray, np.ndarray] | None = None,
    own: np.ndarray | None = None,
    together: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The row of `others` that each row of `vectors` is most similar to.

    Args:
        vectors: float32 (n, d), rows of length 1.
        others: float32 (m, d), likewise.
        device: torch device of the product.
        labels: integers (n,) and (m,); rows of the same label are not compared.
        own: int (n,), the row of `others` that each row is itself, which is not compared.
        together: cosines computed at once; it bounds the memory, not the result.

    Returns:
        int64 (n,) the place of the nearest, the first among equals, `NOTHING` where there is none; float64 (n,) its
        cosine, -inf where there is none.
    """
    import torch  # noqa: PLC0415 - takes seconds to import

    place, similarity = np.full(len(vectors), NOTHING, np.int64), np.full(len(vectors), -np.inf)
    if not len(vectors) or not len(others):
        return place, similarity
    barred = (
        None
        if labels is None
        else tuple(torch.from_numpy(np.asarray(one).astype(np.int64)).to(device) for one in labels)
    )
    for part, cosine in products(vectors, others, device, own=own, together=together):
        if barred is not None:
            cosine.masked_fill_(barred[0][part, None] == barred[1][None, :], -torch.inf)
        best, at = _first_best(cosine)
        found = np.isfinite(best)
        place[part][found], similarity[part][found] = at[found], best[found]
    return place, similarity


def products(
    vectors: np.ndarray,
    others: np.ndarray,
    device: str = "cpu",
    *,
    own: np.ndarray | None = None,
    together: int | None = None,
) -> Iterator[tuple[slice, "torch.Tensor"]]:
    """All cosines, some rows of `vectors` at a time: which rows, and a tensor float32 (rows, m) on the device.

    Args:
        vectors: float32 (n, d), rows of length 1.
        others: float32 (m, d), likewise, at least one.
        device: torch device of the product.
        own: int (n,), the row of `others` that each row is itself: that cosine is -inf.
        together: cosines computed at once, at most.
    """
    import torch  # noqa: PLC0415 - takes seconds to import

    second = _on(others, device)
    for part in _slices(len(vectors), (together or _together(device)) // len(others)):
        with exact_products():
            cosine = _on(vectors[part], device) @ second.T
        if own is not None:
            rows = torch.arange(len(cosine), device=device)
            cosine[rows, torch.from_numpy(np.asarray(own[part]).astype(np.int64)).to(device)] = -torch.inf
        yield part, cosine


def similarities(first: np.ndarray, second: np.ndarray, device: str = "cpu") -> np.ndarray:
    """float32 (..., n, m): all cosines of few vectors, (..., n, d) and (..., m, d)."""
    found: np.ndarray
    if device == "cpu":  # torch would wake its threads for every one, which takes a thousand times as long
        found = np.matmul(first, second.swapaxes(-1, -2), dtype=np.float32, casting="same_kind")
        return found
    with exact_products():
        found = (_on(first, device) @ _on(second, device).transpose(-1, -2)).cpu().numpy()
    return found


def reaching(first: "torch.Tensor", second: "torch.Tensor", similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of `first` and of `second` (heads, or whole) whose cosine may reach `similarity`: int64, sorted.

    A cosine is at most the product of the first `HEAD` components in a rotated space plus the product of the lengths of
    what remains (Cauchy-Schwarz): a product of `HEAD + 1` numbers instead of hundreds, which is never less than the
    cosine. Nothing is missed; how much is saved depends on the rotation.
    """
    if not len(first) or not len(second):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found = []
    with exact_products():
        for part in _slices(len(first), _together(str(first.device)) // len(second)):
            pairs = (first[part] @ second.T >= similarity - SLACK).nonzero().cpu().numpy()
            found.append(pairs + np.array([part.start, 0]))
    pairs = np.concatenate(found)
    return pairs[:, 0], pairs[:, 1]


def whole(vectors: np.ndarray, device: str) -> "torch.Tensor":
    """Tensor float32 (n, d) on `device`: for `reaching`, where a full product costs less than what heads let by."""
    return _on(vectors, device)


def heads(vectors: np.ndarray, axes: np.ndarray, device: str) -> "torch.Tensor":
    """Tensor float32 (n, len(axes) + 1) on `device`: components along `axes`, and the length of what is left."""
    import torch  # noqa: PLC0415 - takes seconds to import

    found = torch.empty((len(vectors), axes.shape[1] + 1), device=device)
    turned = _on(axes, device)
    with exact_products():
        for part in _slices(len(vectors), TOGETHER // max(1, vectors.shape[1])):
            rows = _on(vectors[part], device)
            along = rows @ turned
            found[part, :-1] = along
            found[part, -1] = (rows.square().sum(dim=1) - along.square().sum(dim=1)).clamp_(min=0).sqrt_()
    return found


def gram(vectors: np.ndarray, device: str = "cpu") -> np.ndarray:
    """float64 (d, d): the products of all columns of `vectors`, float32 (n, d), summed in float64."""
    import torch  # noqa: PLC0415 - takes seconds to import

    place = "cpu" if device == "mps" else device  # which has no float64
    width = vectors.shape[1]
    found = torch.zeros((width, width), dtype=torch.float64, device=place)
    for part in _slices(len(vectors), TOGETHER // (2 * max(1, width))):
        rows = _on(vectors[part], place).double()
        found += rows.T @ rows
    summed: np.ndarray = found.cpu().numpy()
    return summed


def principal_axes(vectors: np.ndarray) -> np.ndarray:
    """float32 (d, at most `HEAD`), orthonormal: the directions that hold most of the first `AXES_FROM` vectors."""
    axes = np.linalg.eigh(gram(vectors[:AXES_FROM]))[1]  # by rising eigenvalue
    return np.ascontiguousarray(axes[:, ::-1][:, :HEAD], dtype=np.float32)


def cosines(first: np.ndarray, second: np.ndarray, at: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64: the cosine of `first[at]` and `second[other]` (unit vectors), pair by pair."""
    found = np.empty(len(at))
    for part in _slices(len(at), NUMBERS_TOGETHER // max(1, first.shape[1])):
        found[part] = np.einsum("nd,nd->n", first[at[part]], second[other[part]], dtype=np.float64)
    return found


@contextmanager
def exact_products() -> Iterator[None]:
    """Matrix products of float32 are computed in float32 for the time of the context, on a GPU as well."""
    import torch  # noqa: PLC0415 - takes seconds to import

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _first_best(cosine: "torch.Tensor") -> tuple[np.ndarray, np.ndarray]:
    """The greatest of each row in float64, and the first place that has it."""
    best = cosine.amax(dim=1)
    place = (cosine == best[:, None]).int().argmax(dim=1)
    return best.cpu().double().numpy(), place.cpu().numpy()


def _on(vectors: np.ndarray, device: str) -> "torch.Tensor":
    import torch  # noqa: PLC0415 - takes seconds to import

    return torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)).to(device)


def _together(device: str) -> int:
    return TOGETHER if device == "cpu" else TOGETHER_ON_GPU


def _slices(count: int, step: int) -> Iterator[slice]:
    step = max(1, step)
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
