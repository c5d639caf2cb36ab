import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting from outside: neither variables nor a file in the working directory."""
    for name in list(os.environ):
        if name.startswith(("EVERGROW_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
