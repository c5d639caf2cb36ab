"""Vectors in the lake, by the model that made them and the text that they stand for.

Each group of vectors is one immutable Arrow file, named by its content, in the folder of its model: machines that share
the lake share them, and writers need no lock. Small files are merged when they have become many.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from evergrow.resources.lake.content_files import DamagedFile, Files

FOLDER, SUFFIX = "vectors", ".arrow"
KEY_BYTES = 32  # of a SHA-256
MANY_FILES = 64
LARGE_ROWS = 50_000  # files of so many rows are left as they are

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shard:
    """The rows of a file: `keys` (n, 32) uint8 and `vectors` (n, d) float32 in the file's own memory; see `Found`."""

    keys: np.ndarray
    vectors: np.ndarray
    longer: np.ndarray

    @property
    def prefixes(self) -> np.ndarray:
        """The first 8 bytes of each key as a number, uint64 (n,)."""
        return _prefixes(self.keys)


@dataclass(frozen=True, slots=True)
class Found:
    """Of n keys, which are `known`, bool (n,); the `vectors` of those, float32 (known, d), in their order; and whether
    a text is `longer` than its model reads, bool (n,)."""

    known: np.ndarray
    vectors: np.ndarray
    longer: np.ndarray


@dataclass(frozen=True, slots=True)
class _Places:
    """Of n keys, which are `known`, bool (n,), and in which of the `parts` and rows those are, int64 (n,)."""

    parts: Sequence[_Shard]
    known: np.ndarray
    shard: np.ndarray
    row: np.ndarray

    def by_part(self) -> Iterator[tuple[_Shard, np.ndarray, np.ndarray]]:
        """Each part that holds some of the keys, with their numbers and the rows where they are."""
        for number in np.unique(self.shard[self.known]):
            at = np.flatnonzero(self.known & (self.shard == number))
            yield self.parts[number], at, self.row[at]


@dataclass(slots=True)
class _Index:
    """All files of a model that were read, and where each key is: prefixes in order, with shard and row of each."""

    shards: dict[str, _Shard] = field(default_factory=dict)
    prefixes: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))
    shard: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    row: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def rebuild(self) -> None:
        """Sort anew, after files came or went."""
        parts = list(self.shards.values())
        prefixes = np.concatenate([np.empty(0, np.uint64), *(part.prefixes for part in parts)])
        order = np.argsort(prefixes, kind="stable")
        self.prefixes = prefixes[order]
        self.shard = np.repeat(np.arange(len(parts)), [len(part.keys) for part in parts])[order]
        self.row = np.concatenate([np.empty(0, np.int64), *(np.arange(len(part.keys)) for part in parts)])[order]


class VectorStore:
    """Float32 vectors by key (SHA-256 of the text). Several processes and machines may use them at once.

    Args:
        files: of the lake.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._indexes: dict[str, _Index] = {}
        self._counted: dict[str, _Index] = {}  # of files that nobody has looked through

    def find(self, model: str, keys: Sequence[bytes]) -> Found:
        """What is kept of `keys`. What is in a damaged file counts as not there, and is said."""
        places = self._places(self._indexes, model, keys)
        if not places.known.any():
            return Found(places.known, np.empty((0, 0), dtype=np.float32), np.zeros(len(keys), dtype=bool))
        longer = np.zeros(len(keys), dtype=bool)
        vectors = np.empty((len(keys), places.parts[0].vectors.shape[1]), dtype=np.float32)
        for part, at, rows in places.by_part():
            vectors[at], longer[at] = part.vectors[rows], part.longer[rows]
        return Found(places.known, vectors if places.known.all() else vectors[places.known], longer)

    def known(self, model: str, keys: Sequence[bytes]) -> np.ndarray:
        """Which of `keys` are kept, bool (n,), to count them: no vector of a file on this machine is read for it, so
        that one in a file whose vectors were damaged counts as kept."""
        return self._places(self._counted if self._files.local else self._indexes, model, keys).known

    def longer(self, model: str, keys: Sequence[bytes]) -> np.ndarray:
        """Of which of `keys` the text is known to be longer than its model reads, bool (n,)."""
        longer = np.zeros(len(keys), dtype=bool)
        for part, at, rows in self._places(self._indexes, model, keys).by_part():
            longer[at] = part.longer[rows]
        return longer

    def width(self, model: str) -> int | None:
        """Numbers of a vector of the model; None if none is kept."""
        shards = self._index(model, self._indexes).shards.values()
        return next((shard.vectors.shape[1] for shard in shards), None)

    def keep(self, model: str, keys: Sequence[bytes], vectors: np.ndarray, longer: np.ndarray | None = None) -> None:
        """Keep one vector a key, durably; `vectors` is float32 (n, d), `longer` bool (n,), see `Found`; None: none is.

        Raises:
            OSError: they cannot be written; none was kept.
        """
        if not len(keys):
            return
        flags = np.zeros(len(keys), dtype=bool) if longer is None else longer
        self._write(model, _Shard(_as_array(keys), np.ascontiguousarray(vectors, dtype=np.float32), flags))
        if len(list(self._files.names(_folder(model)))) > MANY_FILES:
            self._merge(model)

    def _places(self, indexes: dict[str, "_Index"], model: str, keys: Sequence[bytes]) -> "_Places":
        index, wanted = self._index(model, indexes), _as_array(keys)
        parts = list(index.shards.values())
        if not len(index.prefixes) or not len(wanted):
            nowhere = np.zeros(len(wanted), dtype=np.int64)
            return _Places(parts, np.zeros(len(wanted), dtype=bool), nowhere, nowhere)
        sought = _prefixes(wanted)
        place = np.minimum(np.searchsorted(index.prefixes, sought), len(index.prefixes) - 1)
        found = _Places(parts, index.prefixes[place] == sought, index.shard[place], index.row[place])
        for part, at, rows in found.by_part():
            found.known[at] = (part.keys[rows] == wanted[at]).all(axis=1)  # two keys may begin alike, however rarely
        return found

    def _index(self, model: str, indexes: dict[str, "_Index"]) -> "_Index":
        """What the lake holds of the model now; a file is read once."""
        index = indexes.setdefault(model, _Index())
        there = [name for name in self._files.names(_folder(model)) if name.endswith(SUFFIX)]
        if set(there) != set(index.shards):
            read_one = self._read if indexes is self._indexes else self._peeked
            read = {name: index.shards.get(name) or read_one(f"{_folder(model)}/{name}") for name in there}
            index.shards = {name: shard for name, shard in read.items() if shard is not None}
            index.rebuild()
        return index

    def _read(self, path: str) -> _Shard | None:
        try:
            return _shard_of(self._files.copy(path, "its texts are embedded again"))
        except (DamagedFile, FileNotFoundError) as error:
            if self._files.damage(path) != "is gone":  # else it was merged into another file meanwhile
                log.warning("%s", error)
            return None

    def _peeked(self, path: str) -> _Shard | None:
        """A file of this machine as it is; None where it cannot be read."""
        assert self._files.local is not None
        try:
            return _shard_of(self._files.local / path)
        except (OSError, ValueError, LookupError) as error:  # of a damaged one: whoever reads it next tells what to do
            log.debug("%s: %s", path, error)
            return None

    def _write(self, model: str, shard: _Shard) -> str:
        import pyarrow as pa  # noqa: PLC0415 - as above

        rows, width = shard.vectors.shape
        keys = pa.FixedSizeBinaryArray.from_buffers(pa.binary(KEY_BYTES), rows, [None, pa.py_buffer(shard.keys)])
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(shard.vectors.reshape(-1)), width)
        table = pa.table({"key": keys, "vector": vectors, "longer": pa.array(shard.longer)})

        def write(file: IO[bytes]) -> None:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)

        return self._files.put(_folder(model), SUFFIX, write)[0]

    def _merge(self, model: str) -> None:
        """Make one file of all small ones, in the order of keys: whoever merges the same ones makes the same file."""
        shards = self._index(model, self._indexes).shards
        small = {name: shard for name, shard in shards.items() if len(shard.keys) < LARGE_ROWS}
        if len(small) < 2:
            return
        keys = np.concatenate([shard.keys for shard in small.values()])
        numbers = np.ascontiguousarray(keys).view(np.uint64)
        order = np.lexsort(numbers.T)
        new = np.ones(len(order), dtype=bool)
        new[1:] = (numbers[order[1:]] != numbers[order[:-1]]).any(axis=1)
        first = order[new]
        vectors = np.concatenate([shard.vectors for shard in small.values()])
        longer = np.concatenate([shard.longer for shard in small.values()])
        merged = self._write(model, _Shard(keys[first], vectors[first], longer[first]))
        for name in small:
            if f"{_folder(model)}/{name}" != merged:
                self._files.remove(f"{_folder(model)}/{name}")


def _shard_of(path: Path) -> _Shard:
    """What a file holds, mapped: only what is looked at is read."""
    import pyarrow as pa  # noqa: PLC0415 - only where there are vectors

    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    keys, vectors = table["key"].combine_chunks(), table["vector"].combine_chunks()
    flat = np.frombuffer(keys.buffers()[1], np.uint8)
    rows = len(keys)
    # Files of earlier versions do not say it.
    longer = table["longer"].to_numpy() if "longer" in table.column_names else np.zeros(rows, dtype=bool)
    return _Shard(flat.reshape(-1, KEY_BYTES), vectors.values.to_numpy().reshape(rows, -1), longer)


def _folder(model: str) -> str:
    """The folder of a model below the lake; its name may hold anything."""
    return f"{FOLDER}/{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def _as_array(keys: Sequence[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)


def _prefixes(keys: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(keys[:, :8]).view(np.uint64).reshape(-1)
