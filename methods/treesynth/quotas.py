"""How many rows each leaf writes: natural targets, and an exact total shared out by largest remainder."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from evergrow.methods.text.counts import counted

Weighting = Literal["sets", "equal"]
MAX_TARGET = 10**9


def natural_target(list_nodes: int, per_call: int, sets_per_list: int) -> int:
    """Rows of a leaf below `list_nodes` list-valued nodes: `per_call * max(1, sets_per_list ** k)` (method.md B.15)."""
    sets = 1
    for _ in range(list_nodes):
        sets = min(sets * sets_per_list, MAX_TARGET)
    return min(per_call * max(1, sets), MAX_TARGET)


def largest_remainder(weights: Sequence[int], total: int, ties: Sequence[str]) -> list[int]:
    """`total` shared out in proportion to `weights`: exact, each share within one of its proportion.

    Args:
        weights: whole numbers from 0; not all 0 unless `total` is 0.
        total: from 0.
        ties: a key for each; among equal remainders the smaller key wins.

    Raises:
        ValueError: there is nobody to give the total to.
    """
    whole = sum(weights)
    if not whole:
        if total:
            raise ValueError(f"{counted(total, 'rows')} cannot be shared out: there is no leaf")
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    left = total - sum(shares)
    order = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), ties[i]))
    for place in order[:left]:
        shares[place] += 1
    return shares


def tree_shares(paths: Sequence[Sequence[str]], weights: Sequence[int], total: int) -> list[int]:
    """`total` shared out over the leaves of a tree in proportion to `weights`, to branches before leaves.

    Exact, and each leaf's share is within one of its proportion. What is left over after the whole parts goes down the
    tree: the values of the first dimension get their parts of it, each at least one if there are enough, then those of
    the second, and so on; so few rows come from all over the tree and not from where its leaves are many. Of values
    that are alike, those below the next parent have their turn where those below the last one ended: were it always the
    first of them, ten rows in ten times ten leaves would know one value of the second dimension.

    Args:
        paths: of each leaf the values from the root down to it: no two alike, none the beginning of another. The
            order of the leaves changes nothing.
        weights: of each leaf, whole numbers from 0; not all 0 unless `total` is 0.
        total: from 0.

    Raises:
        ValueError: there is nobody to give the total to.
    """
    whole = sum(weights)
    if not whole:
        return largest_remainder(weights, total, ["\0".join(path) for path in paths])
    shares = [total * weight // whole for weight in weights]
    parts = [total * weight % whole for weight in weights]  # of one row, in units of 1 / whole
    open_leaves = [place for place, part in enumerate(parts) if part]
    _descend(open_leaves, 0, total - sum(shares), (paths, parts, shares, Counter()))
    return shares


def _descend(
    leaves: list[int],
    depth: int,
    rows: int,
    state: tuple[Sequence[Sequence[str]], Sequence[int], list[int], Counter[int]],
) -> None:
    """Give `rows` to as many of `leaves`, which share their paths down to `depth`; at most one each."""
    paths, parts, shares, turns = state
    if not rows:
        return
    if rows == len(leaves):
        for leaf in leaves:
            shares[leaf] += 1
        return
    branches: dict[str, list[int]] = defaultdict(list)
    for leaf in leaves:
        branches[paths[leaf][depth]].append(leaf)
    names = sorted(branches)
    turn = turns[depth] % len(names)
    names = names[turn:] + names[:turn]
    turns[depth] += rows
    given = _apportion(
        [sum(parts[n] for n in branches[name]) for name in names], [len(branches[n]) for n in names], rows
    )
    # Visited in the order of the names, values of one dimension would take turns in step with those of the next.
    above = paths[leaves[0]][:depth]
    for name, share in sorted(zip(names, given, strict=True), key=lambda branch: _mixed((*above, branch[0]))):
        _descend(branches[name], depth + 1, share, state)


def _mixed(path: Sequence[str]) -> bytes:
    return hashlib.blake2b("\0".join(path).encode(errors="surrogatepass"), digest_size=8).digest()


def _apportion(weights: Sequence[int], most: Sequence[int], total: int) -> list[int]:
    """`total` in proportion to `weights`, at most `most` each, at least one each if there are enough."""
    least = 1 if total >= len(weights) else 0
    shares = [least] * len(weights)
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    shares = [max(share, min(int(want), cap)) for share, want, cap in zip(shares, exact, most, strict=True)]
    while (left := total - sum(shares)) != 0:
        step = 1 if left > 0 else -1
        able = [n for n in range(len(weights)) if (shares[n] < most[n] if step > 0 else shares[n] > least)]
        shares[max(able, key=lambda n: (step * (exact[n] - shares[n]), -n))] += step
    return shares
