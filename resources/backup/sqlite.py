"""SQLite databases in a backup: each as it is at one moment, whoever uses it."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from evergrow.resources.backup.archive import BackupStore, Entry

HEADER = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")  # files of a database that is in use: what they hold is in its copy


def is_sqlite(path: Path) -> bool:
    """Whether a file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def take_sqlite(store: BackupStore, source: Path) -> Entry:
    """Keep a database by SQLite's online backup: neither readers nor writers wait, and what is committed is in it."""
    with tempfile.TemporaryDirectory(dir=store.folder, prefix=".sqlite-") as folder:
        copy = Path(folder) / "copy"
        with closing(sqlite3.connect(source, timeout=60)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        return store.take_file(copy)
