"""How many different things a set holds, by the spectrum of its vectors."""

import numpy as np

from evergrow.methods.vectors import gram


def vendi_score(vectors: np.ndarray, device: str = "cpu") -> float | None:
    """Vendi score (Friedman and Dieng, TMLR 2023, arXiv 2210.02410): the effective number of different rows.

    exp of the entropy of the eigenvalues of K / n, where K holds the cosines of all pairs. K / n and the d x d matrix
    X'X / n have the same eigenvalues but for zeros, so it is exact however many rows there are.

    Args:
        vectors: float32 (n, d), rows of length 1.
        device: torch device of the products.

    Returns:
        1 (all rows alike) to min(n, d); None for no rows.
    """
    rows = len(vectors)
    if not rows:
        return None
    shares = np.linalg.eigvalsh(gram(vectors, device) / rows)
    shares = shares[shares > np.finfo(np.float64).eps]
    return float(np.exp(-(shares * np.log(shares)).sum()))
