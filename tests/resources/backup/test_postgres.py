"""What tells that PostgreSQL's driver, an extra, is not installed."""

import sys
from pathlib import Path

import pytest

from evergrow.resources.backup.archive import BackupError, BackupStore
from evergrow.resources.backup.postgres import Tables


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # importing it now fails, as where it is not installed
    tables = Tables("postgresql://someone:secret@127.0.0.1:1/ledger")

    for act in (lambda: tables.take(BackupStore(tmp_path)), tables.names, lambda: tables.differing({})):
        with pytest.raises(BackupError, match=r"pip install 'evergrow\[postgres\]'") as refused:
            act()
        assert "secret" not in str(refused.value)
