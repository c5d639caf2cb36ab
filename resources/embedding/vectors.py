"""Vectors on disk, by the model that made them and the text that they stand for."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock

BUSY_S = 60.0
ASKED_TOGETHER = 10_000  # below SQLite's limit of parameters

SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    model TEXT NOT NULL, text_sha256 BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (model, text_sha256)
) WITHOUT ROWID
"""


class VectorStore:
    """A SQLite file of float32 vectors; several processes may use it at once.

    Args:
        path: the file; it is created when something is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, model: str, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """The vectors that are kept, by key (SHA-256 of the text)."""
        if not self._path.exists():
            return {}
        found: dict[bytes, np.ndarray] = {}
        with self._connection() as connection:
            for start in range(0, len(keys), ASKED_TOGETHER):
                part = keys[start : start + ASKED_TOGETHER]
                marks = ",".join("?" * len(part))
                query = f"SELECT text_sha256, vector FROM vectors WHERE model = ? AND text_sha256 IN ({marks})"
                rows = connection.execute(query, (model, *part))
                found.update((key, np.frombuffer(vector, dtype=np.float32)) for key, vector in rows)
        return found

    def keep(self, model: str, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep one vector a key, durably; those that are kept already stay as they are."""
        rows = ((model, key, vector.tobytes()) for key, vector in zip(keys, vectors, strict=True))
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=BUSY_S)) as connection:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                with FileLock(f"{self._path}.lock"):  # the switch does not wait for SQLite's own locks
                    connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(SCHEMA)
            yield connection
