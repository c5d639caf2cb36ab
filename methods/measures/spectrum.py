"""How many different things a set holds, by the spectrum of its vectors."""

import numpy as np

BLOCK = 8_192  # rows that are turned into float64 at once


def vendi_score(vectors: np.ndarray) -> float | None:
    """Vendi score (Friedman and Dieng, TMLR 2023, arXiv 2210.02410): the effective number of different rows.

    exp of the entropy of the eigenvalues of K / n, where K holds the cosines of all pairs. K / n and the d x d matrix
    X'X / n have the same eigenvalues but for zeros, so it is exact however many rows there are.

    Args:
        vectors: float32 (n, d), rows of length 1.

    Returns:
        1 (all rows alike) to min(n, d); None for no rows.
    """
    rows = len(vectors)
    if not rows:
        return None
    gram = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, rows, BLOCK):
        part = vectors[start : start + BLOCK].astype(np.float64)
        gram += part.T @ part
    shares = np.linalg.eigvalsh(gram / rows)
    shares = shares[shares > np.finfo(np.float64).eps]
    return float(np.exp(-(shares * np.log(shares)).sum()))
