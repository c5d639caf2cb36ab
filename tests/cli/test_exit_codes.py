"""0 is done, 1 failed or refused, 2 used wrongly: one table over the commands; `evergrow --help` tells it."""

import errno
import socket
from pathlib import Path

import polars as pl
import pytest

from evergrow.cli.errors import end_of
from evergrow.cli.main import main
from evergrow.flows.run import RunFailed
from evergrow.resources.host.destinations import UnwritableError
from tests.cli.conftest import Evergrow, Said
from tests.platform import functions

DOWN = "http://127.0.0.1:9/v1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the batch `b`, of which nothing is made, and files beside it."""
    folder = tmp_path_factory.mktemp("exit_codes")
    functions(2).frame.select("content").write_ndjson(folder / "seeds.jsonl")
    (folder / "broken.jsonl").write_text('{"content": NaN}\n')
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERGROW_HOME", str(folder / "home"))
        assert main(["seeds", "add", str(folder / "seeds.jsonl"), "--batch", "b"]) == 0
    return folder


@pytest.fixture
def at(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Evergrow:
    """The command in that folder, on an endpoint that is not there."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("EVERGROW_HOME", str(home / "home"))
    monkeypatch.setenv("OPENAI_BASE_URL", DOWN)
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        return Said(main([str(argument) for argument in arguments]), *capsys.readouterr())

    return run


DONE = ("--version", "--help", "config show", "cost --json", "funnel --json", "seeds add seeds.jsonl --batch c")
FAILED = (
    "run --batch b",  # nobody answers
    "run --batch b --set budget.max_tokens=1 --set roles.generator.model=m",
    "export --out x",  # nothing is collected
    "judge show",  # none was calibrated
    "evaluate --benchmark humaneval --compare m n",
)
MISUSED = (
    "run --btach b",
    "rnu",
    "run --batch nobody",
    "run --batch b --set evolution.beam=2",
    "run --batch b --set nonsense",
    "plan --batch nobody",
    "seeds add nowhere.jsonl --batch x",
    "seeds add broken.jsonl --batch x",
    "seeds add seeds.jsonl --batch a/b",
    "seeds harvest no_such_module --batch x",
    "table no/such",
    "table evolution/collected --partition nobody",
    "table evolution/seeds --partition b --out x.xyz",
    "trace nobody --batch b",
    "calls nosuch",
    "recipe show nobody",
    "recipe set b evolution.difficulty=both",  # by two solvers that are one model
    "release --batch nobody",
    "release --batch b --as-is --name a/b",
    "verify nowhere",
    "verify mine --lake --name nosuch",
    "push nowhere --repo me/data",
    "push mine --repo me",
    "measure nowhere.jsonl",
    "evaluate --benchmark nosuch --model m",
    "tree show nosuch",
    "tree grow t --domain nosuch",
    "tree import t nowhere.json --domain math",
    "forget --lift",
)


@pytest.mark.parametrize(
    ("command", "code"),
    [*((line, 0) for line in DONE), *((line, 1) for line in FAILED), *((line, 2) for line in MISUSED)],
)
def test_a_command_ends_with_the_code_of_its_end_and_one_message(at: Evergrow, command: str, code: int) -> None:
    said = at(*command.split())

    assert said.code == code, said.err
    assert "Traceback" not in said.err
    assert bool(said.err.strip()) or code == 0


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("EVERGROW_LEDGER_URL", "mysql://localhost/x", 2),
        ("EVERGROW_LEDGER_URL", "postgresql+nodriver://localhost/x", 2),
        ("EVERGROW_LEDGER_URL", "postgresql+psycopg://127.0.0.1:9/x", 1),
        ("EVERGROW_HOME", "seeds.jsonl", 2),
        ("EVERGROW_CONFIG", "nowhere.yaml", 2),
        ("EVERGROW_EVOLUTION__BEAM", "2", 2),
    ],
)
def test_a_faulty_setting_of_the_environment_is_misuse_and_a_database_that_is_down_is_not(
    at: Evergrow, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: int
) -> None:
    monkeypatch.setenv(name, value)

    said = at("run", "--batch", "b")

    assert (said.code, "Traceback" in said.err) == (code, False), said.err


def test_a_port_that_is_taken_is_a_refusal(at: Evergrow) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert at("ui", "--port", taken.getsockname()[1]).code == 1


def test_help_tells_the_codes(at: Evergrow) -> None:
    shown = " ".join(at("--help").out.split())

    for words in ("0 it did its work", "1 the work failed, or was refused", "2 it was used wrongly"):
        assert words in shown


def test_a_database_that_is_none_is_said_in_one_sentence(
    at: Evergrow, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "dagster" / "history").mkdir(parents=True)
    monkeypatch.setenv("EVERGROW_HOME", str(tmp_path / "home"))
    assert at("funnel").code == 0
    (tmp_path / "home" / "dagster" / "history" / "runs.db").write_text(
        "no database at all, but longer than a header is"
    )

    said = at("status")

    assert said.code == 1
    assert "file is not a database" in said.err
    assert "evergrow restore" in said.err
    assert "Traceback" not in said.err


def test_too_many_open_files_say_what_to_raise() -> None:
    end = end_of(RunFailed("round_01 of 'b' failed: [Errno 24] Too many open files: 'some.err'"))

    assert end
    assert end[0] == 1
    assert end[1].startswith("too many open files: round_01 of 'b' failed")
    assert "have more allowed (ulimit -n;" in end[1]
    assert "restore" not in end[1]
    assert end_of(pl.exceptions.PanicException("Os { code: 24, kind: TooManyOpenFiles }")) is not None
    of_a_server = end_of(RunFailed("round_01 of 'b' failed: 6 of 6 requests: HTTP 500: too many open files"))
    assert of_a_server == (1, "round_01 of 'b' failed: 6 of 6 requests: HTTP 500: too many open files")
    of_a_file = end_of(UnwritableError(Path("out"), errno.EMFILE))
    assert of_a_file
    assert (of_a_file[0], "have more allowed" in of_a_file[1]) == (1, True)
    assert end_of(FileNotFoundError(2, "No such file", "too many open files.json")) == (
        2, "too many open files.json cannot be used: no such file; mend that, or name another"
    )  # fmt: skip
