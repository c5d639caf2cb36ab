"""Near-duplicates by MinHash: rows that share a band, verified by the shingles that they share."""

import numpy as np

from evergrow.methods.quality.minhash import Shingles, jaccard
from evergrow.methods.quality.neighbours import Pairs, joined

NOBODY = -1
CROWD = 256  # texts of one bucket that are compared with each other
_HALF = np.uint64(32)


class NearTexts:
    """Finds texts that share at least `similarity` of their shingles.

    An entry is a row in a bucket, which is a band's value that several rows have. The kept rows of a bucket are a
    chain of entries, so that a row meets those that were kept, not the many that were not.

    Args:
        shingles: of n texts in the order of rank.
        known: bool (n,): rows of other batches.
        similarity: least Jaccard similarity.
        groups: integers (n,): only texts of the same group are compared; None: all are of one.
        subgroups: integers (n,): of a bucket of more than `CROWD` texts only those of the same subgroup are compared.
    """

    def __init__(
        self,
        shingles: Shingles,
        known: np.ndarray,
        similarity: float,
        groups: np.ndarray | None = None,
        subgroups: np.ndarray | None = None,
    ) -> None:
        self._shingles, self._known, self._similarity = shingles, known, similarity
        self._rows, self._buckets = _entries(shingles, known, groups, subgroups)
        self._first = np.searchsorted(self._rows, np.arange(len(known) + 1))  # of each row's entries
        self._last_kept = np.full(int(self._buckets.max(initial=0)) + 1, NOBODY)  # entry, by bucket
        self._kept_before = np.full(len(self._rows), NOBODY)  # entry, by entry

    def against_kept(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        entries = self._entries_of(rows)
        others = self._last_kept[self._buckets[entries]]
        found = []
        while (met := others != NOBODY).any():
            entries, others = entries[met], others[met]
            found.append((self._rows[others], self._rows[entries]))
            others = self._kept_before[others]
        return self._verified(found)

    def among(self, rows: np.ndarray) -> Pairs:
        """See `Finder`."""
        entries = self._entries_of(rows)
        entries = entries[np.argsort(self._buckets[entries], kind="stable")]
        found = []
        for distance in range(1, len(entries)):
            earlier, later = entries[:-distance], entries[distance:]
            same = self._buckets[earlier] == self._buckets[later]
            if not same.any():
                break
            found.append((self._rows[earlier[same]], self._rows[later[same]]))
        return self._verified(found)

    def keep(self, rows: np.ndarray) -> None:
        """See `Finder`."""
        entries = self._entries_of(rows)
        entries = entries[np.argsort(self._buckets[entries], kind="stable")]
        if not len(entries):
            return
        buckets = self._buckets[entries]
        begins = np.concatenate([[True], buckets[1:] != buckets[:-1]])
        before = np.concatenate([[NOBODY], entries[:-1]])
        self._kept_before[entries] = np.where(begins, self._last_kept[buckets], before)
        ends = np.concatenate([begins[1:], [True]])
        self._last_kept[buckets[ends]] = entries[ends]

    def _entries_of(self, rows: np.ndarray) -> np.ndarray:
        counts = self._first[rows + 1] - self._first[rows]
        ends = np.cumsum(counts)
        entries: np.ndarray = np.arange(counts.sum()) + np.repeat(self._first[rows] - (ends - counts), counts)
        return entries

    def _verified(self, found: list[tuple[np.ndarray, np.ndarray]]) -> Pairs:
        count = np.int64(len(self._known))
        keys = [earlier.astype(np.int64) * count + later for earlier, later in found]
        different = np.unique(np.concatenate(keys)) if keys else np.empty(0, np.int64)  # rows meet in many bands
        earlier, later = different // count, different % count
        compared = ~(self._known[earlier] & self._known[later])
        earlier, later = earlier[compared], later[compared]
        similarity = jaccard(self._shingles, earlier, later)
        return joined([Pairs(earlier, later, similarity)]).only(similarity >= self._similarity)


def with_candidates(shingles: Shingles, known: np.ndarray) -> np.ndarray:
    """The places of the texts that share a band with others, in their order."""
    return np.unique(_entries(shingles, known, None, None)[0]).astype(np.int64)


def _bucketed(keys: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`rows` by their keys, and the number of the bucket of each."""
    order = rows[np.argsort(keys[rows], kind="stable")]
    begins = np.concatenate([[True], keys[order][1:] != keys[order][:-1]])[: len(order)]
    return order, np.cumsum(begins) - 1


def _entries(
    shingles: Shingles, known: np.ndarray, groups: np.ndarray | None, subgroups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The row and the bucket of each entry, by row. A bucket has two rows at least, one of them of this batch."""
    filled = np.flatnonzero(np.diff(shingles.offsets) > 0)
    rows, buckets, before = [], [], 0
    for band in shingles.bands:
        keys = band.astype(np.uint64) if groups is None else band ^ (groups << _HALF) ^ (groups >> _HALF)
        order, places = _bucketed(keys, filled)
        if subgroups is not None and len(order) and (crowded := np.bincount(places) > CROWD).any():
            keys[order[crowded[places]]] ^= subgroups[order[crowded[places]]]
            order, places = _bucketed(keys, filled)
        useful = (np.bincount(places) > 1) & (np.bincount(places, weights=~known[order]) > 0)
        members = useful[places] if len(places) else np.empty(0, bool)
        rows.append(order[members].astype(np.int32))
        buckets.append((np.cumsum(useful)[places[members]] - 1 + before).astype(np.int32))
        before += int(useful.sum())
    if not rows:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    all_rows, all_buckets = np.concatenate(rows), np.concatenate(buckets)
    order = np.argsort(all_rows, kind="stable")
    return all_rows[order], all_buckets[order]
