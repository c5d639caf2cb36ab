import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from evergrow.cli.main import main
from tests.conftest import FakeEndpoint
from tests.platform import functions


class Said(NamedTuple):
    """What a command ended with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, decoded."""
        return json.loads(self.out)


Evergrow = Callable[..., Said]


@pytest.fixture
def evergrow(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Evergrow:
    """Runs the command in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    # Gates as a fake judge needs them: it draws its scores at random.
    for name, value in {"COMPLEXITY__MAX_DROP": "9", "DIVERSITY__MIN_MEAN": "0", "DIVERSITY__MIN_P10": "0"}.items():
        monkeypatch.setenv(f"EVERGROW_GATES__{name}", value)
    monkeypatch.setenv("EVERGROW_EVOLUTION__CHILDREN", "2")

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    """Four functions as JSONL."""
    path = tmp_path / "functions.jsonl"
    functions(4).frame.select("content", id=pl.col("seed_id")).write_ndjson(path)
    return path


@pytest.fixture
def grown(evergrow: Evergrow, seed_file: Path, fake_endpoint: FakeEndpoint) -> Evergrow:
    """The command, on a batch `b` that has been through two rounds."""
    assert evergrow("seeds", "add", seed_file, "--batch", "b").code == 0
    assert evergrow("run", "--batch", "b", "--rounds", 2, "--set", "evolution.margin=-10").code == 0
    return evergrow
