import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from evergrow.cli.main import main
from evergrow.resources.host.home import Home
from tests.conftest import FakeEndpoint, forget_machine, made_once, use_afresh
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
    small(monkeypatch)

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return run


def small(patch: pytest.MonkeyPatch) -> None:
    """Two children a parent, and gates as a fake judge needs them: it draws its scores at random."""
    for name, value in {"COMPLEXITY__MAX_DROP": "9", "DIVERSITY__MIN_MEAN": "0", "DIVERSITY__MIN_P10": "0"}.items():
        patch.setenv(f"EVERGROW_GATES__{name}", value)
    patch.setenv("EVERGROW_EVOLUTION__CHILDREN", "2")


def write_functions(path: Path) -> Path:
    functions(4).frame.select("content", id=pl.col("seed_id")).write_ndjson(path)
    return path


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    """Four functions as JSONL."""
    return write_functions(tmp_path / "functions.jsonl")


@pytest.fixture(scope="session")
def grown_home(_shared_endpoint: FakeEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the batch `b` that has been through two rounds; it is only copied."""

    def make(folder: Path) -> None:
        seeds = write_functions(folder / "functions.jsonl")
        with pytest.MonkeyPatch.context() as patch:
            forget_machine(patch)
            use_afresh(patch, _shared_endpoint)
            small(patch)
            patch.chdir(folder)
            patch.setenv("EVERGROW_HOME", str(folder / "home"))
            assert main(["seeds", "add", str(seeds), "--batch", "b"]) == 0
            assert main(["run", "--batch", "b", "--rounds", "2", "--set", "evolution.margin=-10"]) == 0

    return made_once(tmp_path_factory, "grown", make) / "home"


@pytest.fixture
def grown(evergrow: Evergrow, grown_home: Path, seed_file: Path, fake_endpoint: FakeEndpoint) -> Evergrow:
    """The command, on a batch `b` that has been through two rounds; the endpoint remembers nothing of it."""
    shutil.copytree(grown_home, os.environ["EVERGROW_HOME"], dirs_exist_ok=True)
    return evergrow


@pytest.fixture(scope="session")
def project_template(known_vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home of the evolved batch `code`, the batch `plain`, and a tree `t`; it is only copied."""
    return made_once(tmp_path_factory, "project", lambda folder: make_project(folder, known_vectors))


def make_project(folder: Path, known_vectors: Path) -> None:
    (folder / "evergrow.yaml").write_text(json.dumps(SETTINGS))
    seeds = {
        "code": functions(4),
        "plain": instructions([*PLAIN[:4], *SUMS[:2]], domain=["general"] * 4 + ["sums"] * 2),
    }
    for name, found in seeds.items():
        found.frame.select(pl.exclude("seed_id", "source")).with_columns(license=pl.lit("MIT")).write_ndjson(
            folder / f"{name}.jsonl"
        )
    endpoint = FakeEndpoint()
    with pytest.MonkeyPatch.context() as patch:
        forget_machine(patch)
        use(patch, folder, endpoint)
        share_vectors(known_vectors, Home(folder / "home").ensure().lake)
        for arguments in (
            ("seeds", "add", str(folder / "code.jsonl"), "--batch", "code"),
            ("seeds", "add", str(folder / "plain.jsonl"), "--batch", "plain"),
            ("run", "--batch", "code"),
            ("tree", "grow", "t", "--domain", "customer_support", "--max-depth", "1", "--rows", "6"),
        ):
            assert main(arguments) == 0
    endpoint.kill()


@pytest.fixture(scope="module")
def project(project_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, FakeEndpoint]]:
    """A project of a module's own, as `project_template` has it, with an endpoint; nothing is released yet."""
    folder, endpoint = tmp_path_factory.mktemp("project"), FakeEndpoint()
    shutil.copytree(project_template, folder, dirs_exist_ok=True)
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
