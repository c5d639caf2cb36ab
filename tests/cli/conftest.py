import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from evergrow.cli.main import main
from evergrow.resources.host.home import Home
from tests.conftest import FakeEndpoint
from tests.platform import LENIENT, functions, share_vectors
from tests.samples import PLAIN, SUMS, TASKS, instructions

SETTINGS = {
    "gates": LENIENT["gates"],
    "evolution": {"rounds": 1, "children": 2, "margin": -10},
    "answers": {"tasks": TASKS, "votes": 3},
    "release": {"validation_share": 0.2, "test_share": 0.2},
    "treesynth": {"shards": 1, "adherence_rows": 0},
}


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
def evergrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vectors_at_hand: None
) -> Evergrow:
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


@pytest.fixture(scope="module")
def project(known_vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, FakeEndpoint]]:
    """A home with the evolved batch `code`, the batch `plain` as it is, and a tree `t`; nothing is released yet."""
    folder, endpoint = tmp_path_factory.mktemp("project"), FakeEndpoint()
    (folder / "evergrow.yaml").write_text(json.dumps(SETTINGS))
    seeds = {
        "code": functions(4),
        "plain": instructions([*PLAIN[:4], *SUMS[:2]], domain=["general"] * 4 + ["sums"] * 2),
    }
    for name, found in seeds.items():
        found.frame.select(pl.exclude("seed_id", "source")).with_columns(license=pl.lit("MIT")).write_ndjson(
            folder / f"{name}.jsonl"
        )
    with pytest.MonkeyPatch.context() as patch:
        use(patch, folder, endpoint)
        share_vectors(known_vectors, Home(folder / "home").ensure().lake)
        for arguments in (
            ("seeds", "add", str(folder / "code.jsonl"), "--batch", "code"),
            ("seeds", "add", str(folder / "plain.jsonl"), "--batch", "plain"),
            ("run", "--batch", "code"),
            ("tree", "grow", "t", "--domain", "customer_support", "--max-depth", "1", "--rows", "6"),
        ):
            assert main(arguments) == 0
    yield folder, endpoint
    endpoint.kill()


def use(patch: pytest.MonkeyPatch, folder: Path, endpoint: FakeEndpoint) -> None:
    patch.setenv("EVERGROW_HOME", str(folder / "home"))
    patch.setenv("EVERGROW_CONFIG", str(folder / "evergrow.yaml"))
    patch.setenv("OPENAI_BASE_URL", endpoint.url)
    patch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


@pytest.fixture
def here(
    project: tuple[Path, FakeEndpoint],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    _own_environment: None,
) -> Evergrow:
    """The command on the project of this module, in an empty working directory."""
    use(monkeypatch, *project)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        return Said(main([str(argument) for argument in arguments]), *capsys.readouterr())

    return run
