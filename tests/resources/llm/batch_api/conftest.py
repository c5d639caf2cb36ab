"""An empty ledger for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evergrow.resources.ledger import Ledger
from tests.resources.llm.support import ledger_at


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty SQLite ledger."""
    opened = ledger_at(tmp_path)
    yield opened
    opened.close()
